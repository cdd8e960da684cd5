-- The final units that people decided on, by user.
--
-- Inputs   $path   the epoch's overrides log (checked line by line elsewhere)
-- Table    user_id, final_units BIGINT milli-units, reason
-- Invariants  the latest line of a user wins; one that clears (null) leaves no row
WITH lines AS (
    SELECT line, row_number() OVER () AS number
    FROM read_csv(
        $path,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
),
overrides AS (
    SELECT number, from_json(line, '{"final_units": "BIGINT", "reason": "VARCHAR", "user_id": "VARCHAR"}') AS o
    FROM lines
),
latest AS (
    SELECT o.user_id AS user_id, arg_max(o, number) AS o
    FROM overrides
    GROUP BY o.user_id
)
SELECT user_id, o.final_units AS final_units, o.reason AS reason
FROM latest
WHERE o.final_units IS NOT NULL
