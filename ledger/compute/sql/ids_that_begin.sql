-- The ids of the given logs that begin so.
--
-- Inputs   $shards   paths of activity logs, $prefix
-- Output   id
SELECT e.id AS id
FROM (
    SELECT from_json(line, '{"id": "VARCHAR"}') AS e
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
WHERE starts_with(e.id, $prefix::VARCHAR)
ORDER BY id
