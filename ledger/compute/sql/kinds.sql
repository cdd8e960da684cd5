-- The kinds of events in the given logs, and the hours in which those of each happened.
--
-- Inputs   $shards   paths of activity logs
-- Output   source, event_type, hours UBIGINT[] as in `held_part`, each once, in rising order
-- Invariants  reads only; the logs are checked elsewhere. By the look of canonical lines: nothing before the kind can hold
--          a bare quote, the time before it has 24 characters, and the source is the last text in a line. That of most
--          lines is found by how they end, for to cut a text from its end is to walk through all of it
SELECT
    source,
    event_type,
    list_sort(list(DISTINCT coalesce(try_cast(translate(hour, '-T', '') AS UBIGINT), 0::UBIGINT))) AS hours
FROM (
    SELECT DISTINCT
        CASE
            WHEN ends_with(line, '"source":"file"}') THEN 'file'
            WHEN ends_with(line, '"source":"github"}') THEN 'github'
            WHEN ends_with(line, '"source":"git"}') THEN 'git'
            ELSE split_part(right(line, 80), '"', -2)
        END AS source,
        substr(moment, 41, strpos(moment, '","id":"') - 41) AS event_type,
        left(moment, 13) AS hour
    FROM (
        SELECT line, substr(line, strpos(line, '","event_time":"') + 16, 128) AS moment
        FROM read_csv(
            $shards,
            columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
            hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
        )
    )
)
GROUP BY source, event_type
ORDER BY source, event_type
