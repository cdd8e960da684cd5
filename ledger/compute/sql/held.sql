-- Which ids lie in which log, as 64-bit hashes: twelve bytes an event. Who finds one here looks into its log.
--
-- Inputs   $shards   paths of activity logs
-- Table    id_hash, log (the log's place in $shards, from 0)
SELECT hash(e.id) AS id_hash, shards.log AS log
FROM (
    SELECT from_json(line, '{"id": "VARCHAR"}') AS e, filename
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
JOIN (
    SELECT unnest($shards::VARCHAR[]) AS filename, unnest(range(len($shards::VARCHAR[])))::UINTEGER AS log
) AS shards USING (filename)
