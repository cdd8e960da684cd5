-- What the curation logs decide about each event that they name; events that nobody collected do no harm.
--
-- Inputs   $paths   the epochs' curation logs (checked line by line elsewhere), $epochs whose each of them is; those that
--                   one epoch's log goes on through stand in order
-- Table    epoch INTEGER, id, included BOOLEAN (NULL: not decided), weight BIGINT milli-units (NULL: the policy's),
--          user_id (NULL: the binding's)
-- Invariants  the latest line of an action group wins, include and exclude being one group; a null weight or user clears
WITH lines AS (
    SELECT line, filename, row_number() OVER () AS number
    FROM read_csv(
        $paths,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
),
files AS (
    SELECT unnest($paths::VARCHAR[]) AS path, unnest($epochs::INTEGER[]) AS epoch
),
curation AS (
    SELECT
        epoch,
        number,
        from_json(
            line,
            '{"action": "VARCHAR", "event_id": "VARCHAR", "user_id": "VARCHAR", "weight_override_milli": "BIGINT"}'
        ) AS c
    FROM lines
    JOIN files ON files.path = filename
)
SELECT
    epoch,
    c.event_id AS id,
    arg_max(c.action, number) FILTER (c.action IN ('include', 'exclude')) = 'include' AS included,
    arg_max_null(c.weight_override_milli, number) FILTER (c.action = 'weight') AS weight,
    arg_max_null(c.user_id, number) FILTER (c.action = 'resolve') AS user_id
FROM curation
GROUP BY epoch, c.event_id
