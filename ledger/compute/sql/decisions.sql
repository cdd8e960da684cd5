-- What the curation log decides about each event that it names; events that nobody collected do no harm.
--
-- Inputs   $path   the epoch's curation log (checked line by line elsewhere)
-- Table    id, included BOOLEAN (NULL: not decided), weight BIGINT milli-units (NULL: the policy's),
--          user_id (NULL: the binding's)
-- Invariants  the latest line of an action group wins, include and exclude being one group; a null weight or user clears
WITH lines AS (
    SELECT line, row_number() OVER () AS number
    FROM read_csv(
        $path,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
),
curation AS (
    SELECT
        number,
        from_json(
            line,
            '{"action": "VARCHAR", "event_id": "VARCHAR", "user_id": "VARCHAR", "weight_override_milli": "BIGINT"}'
        ) AS c
    FROM lines
)
SELECT
    c.event_id AS id,
    arg_max(c.action, number) FILTER (c.action IN ('include', 'exclude')) = 'include' AS included,
    arg_max_null(c.weight_override_milli, number) FILTER (c.action = 'weight') AS weight,
    arg_max_null(c.user_id, number) FILTER (c.action = 'resolve') AS user_id
FROM curation
GROUP BY c.event_id
