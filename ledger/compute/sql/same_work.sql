-- Lines of events of some sources that happened at a moment at which one of the epoch at hand did.
--
-- Inputs   $shards   paths of activity logs, in the order of their epochs
--          $here     those of them that are the epoch's own
--          $sources  the sources
-- Table    as of alike
-- Invariants  reads only; the logs are checked elsewhere. Of older lines only those of the epoch's own moments are parsed,
--          and a line's source is the last text in it
WITH lines AS (
    SELECT line, filename, row_number() OVER () AS place
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
SELECT line, list_contains($here::VARCHAR[], filename) AS here, place
FROM lines
WHERE substr(line, strpos(line, '"event_time":"') + 14, 24) IN (
    SELECT substr(line, strpos(line, '"event_time":"') + 14, 24)
    FROM read_csv(
        $here,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
AND list_contains($sources::VARCHAR[], split_part(right(line, 80), '"', -2))
