-- Who each bound account belongs to, as the bindings log stood after its first $size lines.
--
-- Inputs   $path   the bindings log (checked line by line elsewhere), $size how many of its lines count (NULL: all)
-- Table    source, platform_user_id, user_id: one row per account that is bound then; the latest line of it decides
-- Invariants  one account resolves to at most one user at a time
WITH lines AS (
    SELECT line, row_number() OVER () AS number
    FROM read_csv(
        $path,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
),
bindings AS (
    SELECT
        number,
        from_json(
            line, '{"action": "VARCHAR", "external_id": "VARCHAR", "provider": "VARCHAR", "user_id": "VARCHAR"}'
        ) AS b
    FROM lines
    WHERE $size::BIGINT IS NULL OR number <= $size
),
latest AS (
    SELECT b.provider AS source, b.external_id AS platform_user_id, arg_max(b, number) AS b
    FROM bindings
    GROUP BY ALL
)
SELECT source, platform_user_id, b.user_id AS user_id
FROM latest
WHERE b.action = 'bind'
