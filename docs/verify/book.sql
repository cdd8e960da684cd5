-- Recompute a scope's account book with DuckDB alone, and compare it with what `ledger book --json` (or the site) says.
--
-- Run it at the top of a node, where data/ lies, with the book beside it as book.json:
--     ledger book --json > book.json && duckdb -c ".read book.sql"
-- Another scope than `default`: duckdb -c "SET VARIABLE scope = 'docs'" -c ".read book.sql". Credits throughout, as HUGEINT.
-- Who signed is counted by wallet here, not recovered from the signature: `ledger verify` and the browser do that.

SET VARIABLE scope = coalesce(getvariable('scope'), 'default');
SET VARIABLE folder = 'data/epochs/' || getvariable('scope') || '/**/';
-- Logs that need not exist: what is there, and one file that always is, since nothing at all cannot be read.
SET VARIABLE files = (SELECT list_append(list(file), 'ledger.yaml') FROM (
    FROM glob('data/identities*.jsonl') UNION ALL FROM glob('data/waivers.jsonl') UNION ALL FROM glob('data/instructions.jsonl')
    UNION ALL FROM glob('data/opening/' || getvariable('scope') || '*.jsonl')
    UNION ALL FROM glob('data/approvers/' || getvariable('scope') || '.jsonl')
    UNION ALL FROM glob('data/distributions/' || getvariable('scope') || '/*/*')));
CREATE OR REPLACE TEMP TABLE stored AS
    SELECT parse_filename(filename) AS name, parse_dirpath(filename) AS folder, filename, content
    FROM read_text(getvariable('files')) WHERE filename NOT LIKE '%.yaml';
CREATE OR REPLACE TEMP TABLE lines AS
    SELECT name, folder, filename, unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
    FROM stored WHERE name LIKE '%.jsonl' AND content <> '';

-- The statements that count: the highest version of each epoch whose closing step names exactly these bytes.
CREATE OR REPLACE TEMP TABLE closed AS
    SELECT parse_dirpath(filename) AS folder, (line->>'$.statement_hash') AS statement_hash
    FROM (SELECT filename, unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM read_text(getvariable('folder') || 'transitions.jsonl') WHERE content <> '')
    WHERE (line->>'$.to') = 'finalized';
CREATE OR REPLACE TEMP TABLE final AS
    SELECT content::JSON AS s, (content::JSON->>'$.epoch_id')::BIGINT AS epoch_id, (content::JSON->>'$.version')::BIGINT AS version
    FROM read_text(getvariable('folder') || 'statement.json') JOIN closed
        ON parse_dirpath(filename) = closed.folder AND sha256(content) = closed.statement_hash;
CREATE OR REPLACE TEMP TABLE stated AS
    SELECT * FROM final QUALIFY row_number() OVER (PARTITION BY epoch_id ORDER BY version DESC) = 1;
CREATE OR REPLACE TEMP TABLE statements AS
    SELECT (line->>'$.user_id') AS user_id, (line->>'$.amount_credits')::HUGEINT AS credits
    FROM (SELECT unnest(s->'$.payouts[*]') AS line FROM stated);

CREATE OR REPLACE TEMP TABLE bindings AS
    SELECT (line->>'$.seq')::BIGINT AS seq, (line->>'$.provider') AS provider, (line->>'$.external_id') AS account,
           (line->>'$.action') AS action, (line->>'$.user_id') AS user_id
    FROM lines WHERE name LIKE 'identities%';

-- Who counts: the last approver set of the scope. A plan, or opening balances, stand with enough of its people.
CREATE OR REPLACE TEMP TABLE set_now AS
    SELECT line FROM lines WHERE folder = 'data/approvers' ORDER BY (line->>'$.seq')::BIGINT DESC LIMIT 1;
CREATE OR REPLACE TEMP TABLE wallets AS
    SELECT (person->>'$.id') AS person, unnest((person->'$.wallets')::VARCHAR[]) AS wallet
    FROM (SELECT unnest(line->'$.approvers[*]') AS person FROM set_now);
CREATE OR REPLACE TEMP TABLE openings AS
    SELECT (line->>'$.user_id') AS user_id, (line->>'$.balance_credits')::HUGEINT AS credits FROM lines
    WHERE filename = 'data/opening/' || getvariable('scope') || '.jsonl' AND (SELECT (line->>'$.threshold')::BIGINT FROM set_now) <= (
        SELECT count(DISTINCT person) FROM lines JOIN wallets ON wallet = (line->>'$.signer_wallet')
        WHERE name = getvariable('scope') || '.signatures.jsonl' AND folder = 'data/opening' AND (line->>'$.opening_hash') = (
            SELECT sha256(content) FROM stored WHERE filename = 'data/opening/' || getvariable('scope') || '.jsonl'));
CREATE OR REPLACE TEMP TABLE plans AS
    SELECT folder, content::JSON AS plan FROM stored WHERE name = 'plan.json' AND (SELECT (line->>'$.threshold')::BIGINT FROM set_now) <= (
        SELECT count(DISTINCT person) FROM lines JOIN wallets ON wallet = (line->>'$.signer_wallet')
        WHERE lines.name = 'signatures.jsonl' AND lines.folder = stored.folder AND (line->>'$.plan_hash') = sha256(stored.content));

-- What became of each line of a plan that stands: settled is for good; failed or given up is owed again.
CREATE OR REPLACE TEMP TABLE settled AS
    SELECT folder, (line->>'$.seq')::BIGINT AS seq, (line->>'$.reference') AS reference, (line->>'$.state') AS state, line->'$.evidence' AS evidence
    FROM lines WHERE name = 'settlements.jsonl';
CREATE OR REPLACE TEMP TABLE became AS
    SELECT p.folder, p.user_id, p.credits,
           CASE WHEN bool_or(s.state = 'settled') THEN 'paid' WHEN bool_or(s.state = 'abandoned') THEN 'returned'
                WHEN arg_max(s.state, s.seq) = 'failed' THEN 'returned' ELSE 'allocated' END AS state
    FROM (SELECT folder, (line->>'$.user_id') AS user_id, (line->>'$.reference') AS reference, (line->>'$.amount_credits')::HUGEINT AS credits
          FROM (SELECT folder, unnest(plan->'$.lines[*]') AS line FROM plans)) p
    LEFT JOIN settled s ON s.folder = p.folder AND (s.reference = p.reference OR s.reference IS NULL)
    GROUP BY p.folder, p.user_id, p.reference, p.credits;

-- Held shares, and the epoch with which each fell back to the pool, where nobody had come for it by then.
CREATE OR REPLACE TEMP TABLE shares AS
    SELECT epoch_id, version, (line->>'$.source') AS provider, (line->>'$.platform_user_id') AS account,
           (line->>'$.amount_credits')::HUGEINT AS credits
    FROM (SELECT epoch_id, version, unnest(s->'$.held[*]') AS line FROM final);
CREATE OR REPLACE TEMP TABLE lapsed AS
    WITH epochs AS (SELECT (content::JSON->>'$.epoch_id')::BIGINT AS epoch_id, (content::JSON->>'$.hold_epochs')::BIGINT AS hold_epochs
                    FROM read_text(getvariable('folder') || 'epoch.json')),
         sizes AS (SELECT epoch_id, (s->>'$.identities.size')::BIGINT AS size FROM final WHERE version = 1)
    SELECT DISTINCT shares.epoch_id, provider, account, ending.epoch_id AS since
    FROM shares JOIN epochs USING (epoch_id) JOIN sizes own USING (epoch_id)
    JOIN sizes ending ON ending.epoch_id = shares.epoch_id + epochs.hold_epochs
    WHERE NOT EXISTS (FROM bindings b WHERE b.provider = shares.provider AND b.account = shares.account AND b.action = 'bind'
                                            AND b.seq > own.size AND b.seq <= ending.size);

-- Who took which held share: whoever held its account when the first plan that stands paid him, left him out by his own word, or
-- moved his gift (whoever had a gift on record by then: what gifts move is not replayed here), unless it had fallen back by then.
-- A plan that was given up before anything of it was paid took nothing; it says which versions count all the same.
CREATE OR REPLACE TEMP TABLE claims AS
    WITH undone AS (SELECT folder FROM settled WHERE state = 'abandoned' EXCEPT SELECT folder FROM became WHERE state = 'paid'),
         covers AS (SELECT folder, (c->>'$.epoch_id')::BIGINT AS epoch_id, (c->>'$.version')::BIGINT AS version
                    FROM (SELECT folder, unnest(plan->'$.covers[*]') AS c FROM plans)),
         taking AS (SELECT folder, (plan->>'$.identities.size')::BIGINT AS size FROM plans WHERE folder NOT IN (FROM undone)),
         covered AS (SELECT taking.folder, taking.size, covers.epoch_id, arg_max(covers.version, covers.folder) AS version
                     FROM taking JOIN covers ON covers.folder <= taking.folder GROUP BY ALL),
         takers AS (SELECT folder, (line->>'$.user_id') AS user_id FROM (SELECT folder, unnest(plan->'$.lines[*]') AS line FROM plans)
                    UNION SELECT folder, (line->>'$.user_id') FROM (SELECT folder, unnest(plan->'$.left_out[*]') AS line FROM plans)
                    WHERE (line->>'$.reason') = 'declined'
                    UNION SELECT plans.folder, (line->>'$.user_id') FROM plans JOIN lines ON name = 'instructions.jsonl'
                    WHERE (line->>'$.instruction') = 'gift' AND (line->>'$.seq')::BIGINT <= (plan->>'$.instructions.size')::BIGINT),
         owners AS (SELECT folder, epoch_id, provider, account, arg_max(b.action, b.seq) AS action, arg_max(b.user_id, b.seq) AS user_id
                    FROM covered JOIN shares USING (epoch_id, version) JOIN bindings b USING (provider, account)
                    WHERE b.seq <= covered.size AND NOT EXISTS (
                        FROM lapsed l JOIN covers c ON c.epoch_id = l.since
                        WHERE l.epoch_id = shares.epoch_id AND l.provider = shares.provider AND l.account = shares.account
                              AND c.folder <= covered.folder)
                    GROUP BY folder, epoch_id, provider, account)
    SELECT epoch_id, provider, account, arg_min(user_id, folder) AS user_id
    FROM owners JOIN takers USING (folder, user_id) WHERE action = 'bind' GROUP BY epoch_id, provider, account;

-- Held shares that somebody took, and those whose account is somebody's by now and that did not fall back.
CREATE OR REPLACE TEMP TABLE held AS
    WITH now AS (SELECT provider, account, arg_max(action, seq) AS action, arg_max(user_id, seq) AS user_id FROM bindings GROUP BY ALL)
    SELECT coalesce(claims.user_id, now.user_id) AS user_id, shares.credits
    FROM shares JOIN stated USING (epoch_id, version) JOIN now USING (provider, account)
    LEFT JOIN claims USING (epoch_id, provider, account)
    WHERE claims.user_id IS NOT NULL OR now.action = 'bind' AND NOT EXISTS (
        FROM lapsed l WHERE l.epoch_id = shares.epoch_id AND l.provider = shares.provider AND l.account = shares.account);

-- Declined amounts of plans that were not undone as a whole, and negative balances that approvers let go.
CREATE OR REPLACE TEMP TABLE moved AS
    SELECT (line->>'$.user_id') AS user_id, -(line->>'$.amount_credits')::HUGEINT AS credits
    FROM (SELECT folder, unnest(plan->'$.left_out[*]') AS line FROM plans) d
    WHERE (line->>'$.reason') = 'declined' AND (EXISTS (FROM became b WHERE b.folder = d.folder AND b.state = 'paid')
          OR NOT EXISTS (FROM settled s WHERE s.folder = d.folder AND s.state = 'abandoned'))
    UNION ALL
    SELECT (line->>'$.user_id'), (line->>'$.amount_credits')::HUGEINT FROM lines
    WHERE name = 'waivers.jsonl' AND (line->>'$.scope_id') = getvariable('scope');

-- The book as the record gives it, beside the book as it is told. What is left of `moved` are gifts.
CREATE OR REPLACE TEMP TABLE told AS
    SELECT (p->>'$.user_id') AS user_id, (p->>'$.earned')::HUGEINT AS earned, (p->>'$.moved')::HUGEINT AS moved,
           (p->>'$.allocated')::HUGEINT AS allocated, (p->>'$.paid')::HUGEINT AS paid, (p->>'$.outstanding')::HUGEINT AS outstanding
    FROM (SELECT unnest(content::JSON->'$.people[*]') AS p FROM read_text('book.json'));
CREATE OR REPLACE TEMP TABLE people AS
    WITH sums AS (
        SELECT user_id, 'earned' AS what, credits FROM statements UNION ALL SELECT user_id, 'earned', credits FROM held
        UNION ALL SELECT user_id, 'earned', credits FROM openings UNION ALL SELECT user_id, 'moved', credits FROM moved
        UNION ALL SELECT user_id, state, credits FROM became WHERE state <> 'returned')
    SELECT user_id, coalesce(sum(credits) FILTER (what = 'earned'), 0)::HUGEINT AS earned,
           coalesce(sum(credits) FILTER (what = 'moved'), 0)::HUGEINT AS moved,
           coalesce(sum(credits) FILTER (what = 'allocated'), 0)::HUGEINT AS allocated,
           coalesce(sum(credits) FILTER (what = 'paid'), 0)::HUGEINT AS paid
    FROM sums GROUP BY user_id;
CREATE OR REPLACE TEMP TABLE compared AS
    SELECT user_id, p.earned AS earned, p.allocated AS allocated, p.paid AS paid, t.outstanding, t.moved - coalesce(p.moved, 0) AS given,
           coalesce(t.earned = p.earned AND t.allocated = p.allocated AND t.paid = p.paid, false)
           AND t.outstanding = t.earned + t.moved - t.allocated - t.paid AS same
    FROM people p FULL JOIN told t USING (user_id);

SELECT user_id, earned, allocated, paid, outstanding, given AS gifts, same FROM compared ORDER BY user_id;

-- In one row: every person's figures are those of the record; gifts only move; the book's sum is the sum of statements (and
-- of openings and claimed shares); nothing that shows a payment shows two.
SELECT CASE WHEN everyone AND gifts AND conserved AND once THEN 'same as the record' ELSE 'DIFFERENT from the record' END AS verdict,
       everyone AS people_same, gifts AS gifts_only_move, conserved AS equal_to_the_sum_of_statements, once AS paid_once
FROM (SELECT coalesce(bool_and(same), true) AS everyone,
             coalesce(sum(given), 0) = -(SELECT (content::JSON->>'$.to_pool')::HUGEINT FROM read_text('book.json')) AND coalesce(bool_and(
                 given = 0 OR user_id IN (SELECT unnest([(line->>'$.user_id'), (line->>'$.to')]) FROM lines
                                          WHERE name = 'instructions.jsonl' AND (line->>'$.instruction') = 'gift')), true) AS gifts
      FROM compared),
     (SELECT (SELECT coalesce(sum(outstanding + allocated + paid), 0) FROM told)
             + (SELECT (b->>'$.to_pool')::HUGEINT + (b->>'$.declined')::HUGEINT - (b->>'$.waived')::HUGEINT
                FROM (SELECT content::JSON AS b FROM read_text('book.json')))
             = (SELECT coalesce(sum(credits), 0) FROM statements) + (SELECT coalesce(sum(credits), 0) FROM held)
             + (SELECT coalesce(sum(credits), 0) FROM openings) AS conserved),
     (SELECT count(*) = count(DISTINCT key) AS once FROM (
          SELECT DISTINCT folder, reference, concat_ws(' ', (evidence->>'$.kind'), (evidence->>'$.chain_id'), (evidence->>'$.transaction'),
                                                       (evidence->>'$.log_index'), evidence->>'$.ref') AS key
          FROM settled WHERE state = 'settled' AND (evidence->>'$.kind') IN ('evm_log', 'bank_ref', 'provider_ref')));
