-- The final units that people decided on, by user.
--
-- Inputs   $paths   the epochs' overrides logs (checked line by line elsewhere), $epochs whose each of them is; those that
--                   one epoch's log goes on through stand in order
-- Table    epoch INTEGER, user_id, final_units BIGINT milli-units, reason
-- Invariants  the latest line of a user wins; one that clears (null) leaves no row
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
overrides AS (
    SELECT epoch, number, from_json(line, '{"final_units": "BIGINT", "reason": "VARCHAR", "user_id": "VARCHAR"}') AS o
    FROM lines
    JOIN files ON files.path = filename
),
latest AS (
    SELECT epoch, o.user_id AS user_id, arg_max(o, number) AS o
    FROM overrides
    GROUP BY epoch, o.user_id
)
SELECT epoch, user_id, o.final_units AS final_units, o.reason AS reason
FROM latest
WHERE o.final_units IS NOT NULL
