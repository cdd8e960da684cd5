-- Every id of the given logs with its payload hash.
--
-- Inputs   $shards   paths of activity logs, $scope whose they are
-- Table    id, payload_hash (hex), scope_id
SELECT e.id AS id, e.payload_hash AS payload_hash, $scope::VARCHAR AS scope_id
FROM (
    SELECT from_json(line, '{"id": "VARCHAR", "payload_hash": "VARCHAR"}') AS e
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
