-- The ids of logs that are not loaded, for the search across epochs. Lines that are no JSON are passed over: their own
-- epoch's check tells them.
--
-- Inputs   $shards   paths of activity logs, $skip how many characters of a path lead to the node
-- Table    id, log (the epoch's folder inside the node)
SELECT e.id AS id, substr(parse_dirpath(filename), $skip + 1) AS log
FROM (
    SELECT try(from_json(line, '{"id": "VARCHAR"}')) AS e, filename
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
WHERE e.id IS NOT NULL
