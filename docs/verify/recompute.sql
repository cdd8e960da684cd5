-- Recompute an epoch's payout table with DuckDB alone, and compare it with the statement that people signed.
--
-- Run it inside an epoch's folder, where identities.jsonl lies three folders up, as in the repository:
--     cd data/epochs/default/0001 && duckdb -c ".read recompute.sql"
-- (the published files have the same names; put identities.jsonl at ../../../identities.jsonl, or change that one path).
-- Whole numbers only: HUGEINT holds units times credits without rounding. Milli-units and credits throughout.
--
-- An epoch that was amended (amendments/02/, 03/ ...) is recomputed in its newest version; an older one by
--     duckdb -c "SET VARIABLE version = 1" -c ".read recompute.sql"

-- Every statement and log of the folder with the version that it belongs to; **/ also matches the folder itself.
CREATE OR REPLACE TEMP TABLE statement AS
    SELECT version, s FROM (SELECT content::JSON AS s, (content::JSON->>'$.version')::BIGINT AS version
                            FROM read_text('**/statement.json'))
    WHERE version <= coalesce(getvariable('version'), 99) ORDER BY version DESC LIMIT 1;
CREATE OR REPLACE TEMP TABLE epoch AS
    SELECT content::JSON AS e FROM read_text('epoch.json');

-- The activity log: activity.jsonl, activity-0002.jsonl, … in the order of their names ('-' sorts before '.').
CREATE OR REPLACE TEMP TABLE events AS
    SELECT line->>'$.id' AS id, line->>'$.source' AS source, line->>'$.event_type' AS event_type,
           line->>'$.platform_user_id' AS account, (line->>'$.quantity')::HUGEINT AS quantity
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM read_text('activity*.jsonl') WHERE size > 0);

-- Logs that need not exist are read by a pattern that also matches others. Decisions go on from version to version: `place`
-- puts those of an amendment, whose numbers begin anew, behind those before. Events and pool are the epoch's.
CREATE OR REPLACE TEMP TABLE stored AS
    SELECT name, content, number * 1000000000 AS place
    FROM (SELECT parse_filename(filename) AS name, content,
                 coalesce(try_cast(regexp_extract(filename, 'amendments[/\\]([0-9]{2})[/\\][^/\\]+$', 1) AS BIGINT), 1) AS number
          FROM read_text('**/*.jsonl'))
    WHERE number <= (SELECT version FROM statement);
CREATE OR REPLACE TEMP TABLE curation AS
    SELECT place + (line->>'$.seq')::BIGINT AS seq, line->>'$.action' AS action, line->>'$.event_id' AS event_id,
           line->>'$.user_id' AS user_id, (line->>'$.weight_override_milli')::HUGEINT AS weight
    FROM (SELECT place, unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM stored WHERE name = 'curation.jsonl' AND content <> '');
CREATE OR REPLACE TEMP TABLE overrides AS
    SELECT place + (line->>'$.seq')::BIGINT AS seq, line->>'$.user_id' AS user_id, (line->>'$.final_units')::HUGEINT AS units
    FROM (SELECT place, unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM stored WHERE name = 'overrides.jsonl' AND content <> '');
-- Components of the pool that stand: the last line of each is a record, not a withdrawal. Awards likewise, by name.
CREATE OR REPLACE TEMP TABLE pool AS
    SELECT coalesce(sum(credits), 0)::HUGEINT AS credits FROM (
        SELECT arg_max_null((line->>'$.amount_credits')::HUGEINT, (line->>'$.seq')::BIGINT) AS credits
        FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
              FROM stored WHERE name = 'pool.jsonl' AND content <> '')
        GROUP BY line->>'$.component_id');
CREATE OR REPLACE TEMP TABLE awards AS
    SELECT user_id, sum(credits)::HUGEINT AS award FROM (
        SELECT arg_max_null(line->>'$.user_id', place + (line->>'$.seq')::BIGINT) AS user_id,
               arg_max_null((line->>'$.amount_credits')::HUGEINT, place + (line->>'$.seq')::BIGINT) AS credits
        FROM (SELECT place, unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
              FROM stored WHERE name = 'awards.jsonl' AND content <> '')
        GROUP BY line->>'$.award')
    WHERE user_id IS NOT NULL GROUP BY user_id;

-- The bindings log as it stood: as many lines as the statement pins; the latest line of an account wins.
CREATE OR REPLACE TEMP TABLE bindings AS
    SELECT line->>'$.provider' AS provider, line->>'$.external_id' AS external_id,
           arg_max(line->>'$.action', (line->>'$.seq')::BIGINT) AS action,
           arg_max(line->>'$.user_id', (line->>'$.seq')::BIGINT) AS user_id
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM read_text('../../../identities*.jsonl') WHERE size > 0)
    WHERE (line->>'$.seq')::BIGINT <= (SELECT (s->>'$.identities.size')::BIGINT FROM statement)
    GROUP BY ALL;

-- The weights that the epoch pinned.
CREATE OR REPLACE TEMP TABLE weights AS
    SELECT kind, (e->'$.weight_config'->>kind)::HUGEINT AS weight
    FROM (SELECT e, unnest(json_keys(e, '$.weight_config')) AS kind FROM epoch);

-- The decision that stands per event: the latest of each group (include and exclude are one group).
CREATE OR REPLACE TEMP TABLE decisions AS
    SELECT event_id,
           coalesce(arg_max(action, seq) FILTER (action IN ('include', 'exclude')), 'include') AS inclusion,
           arg_max_null(weight, seq) FILTER (action = 'weight') AS weight,
           arg_max_null(user_id, seq) FILTER (action = 'resolve') AS user_id
    FROM curation GROUP BY event_id;

CREATE OR REPLACE TEMP TABLE outcomes AS
    SELECT coalesce(d.user_id, CASE WHEN events.source = 'receipt' THEN events.account  -- names the user himself
                                    WHEN b.action = 'bind' THEN b.user_id END) AS user_id,
           events.source || ':' || events.account AS account,
           coalesce(d.inclusion, 'include') = 'include' AS included,
           events.quantity * coalesce(d.weight, w.weight, 0)::HUGEINT AS units
    FROM events
    LEFT JOIN decisions d ON d.event_id = events.id
    LEFT JOIN bindings b ON b.provider = events.source AND b.external_id = events.account
    LEFT JOIN weights w ON w.kind = events.source || ':' || events.event_type;

-- Units: proposed by the weights, or final by decision (the latest override of a user; null clears it). Where unclaimed
-- shares are held, accounts without a user take part too (but for those that stand for anybody), after all users.
CREATE OR REPLACE TEMP TABLE units AS
    WITH proposed AS (
             SELECT user_id, sum(units)::HUGEINT AS units FROM outcomes
             WHERE included AND user_id IS NOT NULL GROUP BY user_id),
         final AS (
             SELECT * FROM (SELECT user_id, arg_max_null(units, seq) AS units FROM overrides GROUP BY user_id)
             WHERE units IS NOT NULL)
    SELECT false AS held, coalesce(final.user_id, proposed.user_id) AS key, coalesce(final.units, proposed.units) AS units
    FROM proposed FULL JOIN final USING (user_id)
    UNION ALL
    SELECT true, account, sum(units)::HUGEINT FROM outcomes, epoch
    WHERE included AND user_id IS NULL AND (e->>'$.unresolved') = 'hold'
      AND account NOT IN ('github:ghost', 'github:10137', 'discord:456226577798135808',
                          'git:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    GROUP BY account;

-- Awards come out of the pool first. Largest remainder for the rest: the floor of each exact share, then one credit each to
-- the largest remainders, ties to the smaller key, users first. With no units at all nothing is given out.
CREATE OR REPLACE TEMP TABLE shares AS
    WITH total AS (SELECT coalesce(sum(units), 0)::HUGEINT AS all_units FROM units),
         rest AS (SELECT credits - (SELECT coalesce(sum(award), 0) FROM awards)::HUGEINT AS credits FROM pool),
         floors AS (
             SELECT held, key, units, credits, all_units,
                    CASE WHEN all_units = 0 THEN 0::HUGEINT ELSE units * credits // all_units END AS base,
                    CASE WHEN all_units = 0 THEN 0::HUGEINT ELSE units * credits % all_units END AS remainder
             FROM units, total, rest),
         ranked AS (
             SELECT *, row_number() OVER (ORDER BY remainder DESC, held, key) AS place,
                    CASE WHEN all_units = 0 THEN 0::HUGEINT ELSE credits - sum(base) OVER () END AS left_over
             FROM floors)
    SELECT held, key, units::VARCHAR AS total_units,
           CASE WHEN all_units = 0 THEN '0.000000'
                ELSE (units * 1000000 // all_units // 1000000)::VARCHAR || '.'
                     || lpad((units * 1000000 // all_units % 1000000)::VARCHAR, 6, '0') END AS share,
           base + CASE WHEN place <= left_over THEN 1 ELSE 0 END AS share_credits
    FROM ranked;

-- One row each: who gets what, and (in place of a user) the accounts for which it waits.
CREATE OR REPLACE TEMP TABLE payouts AS
    SELECT coalesce(held, false) AS held, coalesce(key, user_id) AS key, coalesce(total_units, '0') AS total_units,
           coalesce(share, '0.000000') AS share, coalesce(award, 0)::VARCHAR AS award_credits,
           coalesce(share_credits, 0)::VARCHAR AS share_credits,
           (coalesce(share_credits, 0) + coalesce(award, 0))::VARCHAR AS amount_credits
    FROM shares FULL JOIN awards ON NOT held AND key = user_id;

SELECT CASE WHEN held THEN 'held for ' ELSE '' END || key AS who, total_units, share, award_credits, share_credits, amount_credits
FROM payouts ORDER BY held, key;

-- The same, as one word: does it equal the table that was signed?
SELECT CASE WHEN recomputed = signed AND undistributed = (s->>'$.undistributed_credits')
                 AND unresolved = (s->>'$.unresolved_count')::BIGINT
            THEN 'same as statement.json' ELSE 'DIFFERENT from statement.json' END AS verdict,
       allocation_hash = (s->>'$.allocation_set_hash') AS allocation_set_hash_fits, version
FROM statement,
     (SELECT coalesce(string_agg(concat_ws(' ', key, total_units, share, award_credits, share_credits, amount_credits), chr(10)
                                 ORDER BY held, key), '') AS recomputed,
             ((SELECT credits FROM pool) - coalesce(sum(amount_credits::HUGEINT), 0))::VARCHAR AS undistributed,
             (SELECT count(*) FROM outcomes WHERE included AND user_id IS NULL) AS unresolved
      FROM payouts),
     (SELECT sha256(coalesce(string_agg(key || ':' || total_units, chr(10) ORDER BY held, key), '')) AS allocation_hash
      FROM shares),
     (SELECT coalesce(string_agg(concat_ws(' ', key, line->>'$.total_units', line->>'$.share',
                                           coalesce(line->>'$.award_credits', '0'),
                                           coalesce(line->>'$.share_credits', line->>'$.amount_credits'),
                                           line->>'$.amount_credits'), chr(10) ORDER BY held, key), '') AS signed
      FROM (SELECT false AS held, line->>'$.user_id' AS key, line
            FROM (SELECT unnest(s->'$.payouts[*]') AS line FROM statement)
            UNION ALL
            SELECT true, (line->>'$.source') || ':' || (line->>'$.platform_user_id'), line
            FROM (SELECT unnest(s->'$.held[*]') AS line FROM statement)));
