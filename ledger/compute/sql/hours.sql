-- The hours in which events of the given logs happened, each once.
--
-- Inputs   $shards   paths of activity logs
-- Output   hour UBIGINT, as in `held_part`
SELECT DISTINCT
    coalesce(
        try_cast(translate(substr(line, strpos(line, '","event_time":"') + 16, 13), '-T', '') AS UBIGINT), 0::UBIGINT
    ) AS hour
FROM read_csv(
    $shards,
    columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
    hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
)
ORDER BY hour
