-- Recompute an epoch's payout table with DuckDB alone, and compare it with the statement that people signed.
--
-- Run it inside an epoch's folder, where identities.jsonl lies three folders up, as in the repository:
--     cd data/epochs/default/0001 && duckdb -c ".read recompute.sql"
-- (the published files have the same names; put identities.jsonl at ../../../identities.jsonl, or change that one path).
-- Whole numbers only: HUGEINT holds units times credits without rounding. Milli-units and credits throughout.

CREATE OR REPLACE TEMP TABLE statement AS
    SELECT content::JSON AS s FROM read_text('statement.json');
CREATE OR REPLACE TEMP TABLE epoch AS
    SELECT content::JSON AS e FROM read_text('epoch.json');

-- The activity log: activity.jsonl, activity-0002.jsonl, … in the order of their names ('-' sorts before '.').
CREATE OR REPLACE TEMP TABLE events AS
    SELECT line->>'$.id' AS id, line->>'$.source' AS source, line->>'$.event_type' AS event_type,
           line->>'$.platform_user_id' AS account
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM read_text('activity*.jsonl') WHERE size > 0);

-- Logs that need not exist are read by a pattern that also matches nothing, joined to an empty table.
CREATE OR REPLACE TEMP TABLE stored AS
    SELECT parse_filename(filename) AS name, content FROM read_text('*.jsonl');
CREATE OR REPLACE TEMP TABLE curation AS
    SELECT (line->>'$.seq')::BIGINT AS seq, line->>'$.action' AS action, line->>'$.event_id' AS event_id,
           line->>'$.user_id' AS user_id, (line->>'$.weight_override_milli')::HUGEINT AS weight
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM stored WHERE name = 'curation.jsonl' AND content <> '');
CREATE OR REPLACE TEMP TABLE overrides AS
    SELECT (line->>'$.seq')::BIGINT AS seq, line->>'$.user_id' AS user_id, (line->>'$.final_units')::HUGEINT AS units
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM stored WHERE name = 'overrides.jsonl' AND content <> '');
CREATE OR REPLACE TEMP TABLE pool AS
    SELECT coalesce(sum((line->>'$.amount_credits')::HUGEINT), 0)::HUGEINT AS credits
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM stored WHERE name = 'pool.jsonl' AND content <> '');

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
           arg_max(user_id, seq) FILTER (action = 'resolve') AS user_id
    FROM curation GROUP BY event_id;

CREATE OR REPLACE TEMP TABLE outcomes AS
    SELECT coalesce(d.user_id, CASE WHEN events.source = 'receipt' THEN events.account  -- names the user himself
                                    WHEN b.action = 'bind' THEN b.user_id END) AS user_id,
           coalesce(d.inclusion, 'include') = 'include' AS included,
           coalesce(d.weight, w.weight, 0)::HUGEINT AS units
    FROM events
    LEFT JOIN decisions d ON d.event_id = events.id
    LEFT JOIN bindings b ON b.provider = events.source AND b.external_id = events.account
    LEFT JOIN weights w ON w.kind = events.source || ':' || events.event_type;

-- Units: proposed by the weights, or final by decision (the latest override of a user; null clears it).
CREATE OR REPLACE TEMP TABLE units AS
    WITH proposed AS (
             SELECT user_id, sum(units)::HUGEINT AS units FROM outcomes
             WHERE included AND user_id IS NOT NULL GROUP BY user_id),
         final AS (
             SELECT * FROM (SELECT user_id, arg_max_null(units, seq) AS units FROM overrides GROUP BY user_id)
             WHERE units IS NOT NULL)
    SELECT coalesce(final.user_id, proposed.user_id) AS user_id, coalesce(final.units, proposed.units) AS units
    FROM proposed FULL JOIN final USING (user_id);

-- Largest remainder: the floor of each exact share, then one credit each to the largest remainders, ties to the
-- smaller user_id. With no units at all nothing is paid.
CREATE OR REPLACE TEMP TABLE payouts AS
    WITH total AS (SELECT coalesce(sum(units), 0)::HUGEINT AS all_units FROM units),
         floors AS (
             SELECT user_id, units, credits, all_units,
                    CASE WHEN all_units = 0 THEN 0::HUGEINT ELSE units * credits // all_units END AS base,
                    CASE WHEN all_units = 0 THEN 0::HUGEINT ELSE units * credits % all_units END AS remainder
             FROM units, total, pool),
         ranked AS (
             SELECT *, row_number() OVER (ORDER BY remainder DESC, user_id) AS place,
                    CASE WHEN all_units = 0 THEN 0::HUGEINT ELSE credits - sum(base) OVER () END AS left_over
             FROM floors)
    SELECT user_id, units::VARCHAR AS total_units,
           CASE WHEN all_units = 0 THEN '0.000000'
                ELSE (units * 1000000 // all_units // 1000000)::VARCHAR || '.'
                     || lpad((units * 1000000 // all_units % 1000000)::VARCHAR, 6, '0') END AS share,
           (base + CASE WHEN place <= left_over THEN 1 ELSE 0 END)::VARCHAR AS amount_credits
    FROM ranked;

SELECT user_id, total_units, share, amount_credits FROM payouts ORDER BY user_id;

-- The same, as one word: does it equal the table that was signed?
SELECT CASE WHEN recomputed = signed AND undistributed = (s->>'$.undistributed_credits')
                 AND unresolved = (s->>'$.unresolved_count')::BIGINT
            THEN 'same as statement.json' ELSE 'DIFFERENT from statement.json' END AS verdict,
       allocation_hash = (s->>'$.allocation_set_hash') AS allocation_set_hash_fits
FROM statement,
     (SELECT coalesce(string_agg(concat_ws(' ', user_id, total_units, share, amount_credits), chr(10) ORDER BY user_id),
                      '') AS recomputed,
             sha256(coalesce(string_agg(user_id || ':' || total_units, chr(10) ORDER BY user_id), '')) AS allocation_hash,
             ((SELECT credits FROM pool) - coalesce(sum(amount_credits::HUGEINT), 0))::VARCHAR AS undistributed,
             (SELECT count(*) FROM outcomes WHERE included AND user_id IS NULL) AS unresolved
      FROM payouts),
     (SELECT coalesce(string_agg(concat_ws(' ', p->>'$.user_id', p->>'$.total_units', p->>'$.share',
                                           p->>'$.amount_credits'), chr(10) ORDER BY p->>'$.user_id'), '') AS signed
      FROM (SELECT unnest(s->'$.payouts[*]') AS p FROM statement));
