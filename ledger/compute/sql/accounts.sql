-- Who each account belongs to, and over which prefixes of the bindings log.
--
-- Inputs   $path   the bindings log (checked line by line elsewhere, as far as a statement pins it: what cannot be read
--          behind that is nobody's concern here)
-- Table    source, platform_user_id, user_id; first, until BIGINT: so it is in every prefix of at least `first` and
--          fewer than `until` lines
-- Invariants  in one prefix an account resolves to at most one user: the latest line of it decides
WITH lines AS (
    SELECT line, row_number() OVER () AS number
    FROM read_csv(
        $path,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864,
        ignore_errors = true
    )
),
bindings AS (
    SELECT
        number,
        from_json(
            CASE WHEN json_valid(line) THEN line END,
            '{"action": "VARCHAR", "external_id": "VARCHAR", "provider": "VARCHAR", "user_id": "VARCHAR"}'
        ) AS b
    FROM lines
),
spans AS (
    SELECT
        b,
        number,
        lead(number, 1, 9223372036854775807) OVER (PARTITION BY b.provider, b.external_id ORDER BY number) AS next
    FROM bindings
)
SELECT b.provider AS source, b.external_id AS platform_user_id, b.user_id AS user_id, number AS first, next AS until
FROM spans
WHERE b.action = 'bind'
