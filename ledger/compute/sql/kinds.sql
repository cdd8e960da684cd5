-- The kinds of events in the given logs, and the hours in which those of each happened.
--
-- Inputs   $shards   paths of activity logs
-- Output   source, event_type, hours UBIGINT[] as in `held_part`, each once, in rising order
-- Invariants  reads only; the logs are checked elsewhere. By the look of canonical lines: nothing before the kind can hold
--          a bare quote, and the source is the last text in a line
SELECT
    source,
    event_type,
    list_sort(list(DISTINCT coalesce(try_cast(translate(hour, '-T', '') AS UBIGINT), 0::UBIGINT))) AS hours
FROM (
    SELECT DISTINCT
        split_part(right(line, 80), '"', -2) AS source,
        split_part(substr(line, strpos(line, '"event_type":"') + 14, 80), '"', 1) AS event_type,
        substr(line, strpos(line, '","event_time":"') + 16, 13) AS hour
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
GROUP BY source, event_type
ORDER BY source, event_type
