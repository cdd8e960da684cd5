-- Lines that begin as another one does, where at least one of them lies in the epoch at hand: with the same link, moment and
-- kind.
--
-- Inputs   $shards   paths of activity logs, in the order of their epochs
--          $here     those of them that are the epoch's own
-- Table    line, here BOOLEAN, place (of the line in the logs, rising)
-- Invariants  reads only; the logs are checked elsewhere. By a hash of what a canonical line begins with, in which nothing
--          before the id can hold a bare quote. The logs are read again for lines that repeat, for keeping all of them takes
--          the memory of the logs; where none does, they are not
WITH again AS (
    SELECT hash(left(line, strpos(line, '","id":"'))) AS head
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
    GROUP BY head
    HAVING count(*) > 1 AND bool_or(list_contains($here::VARCHAR[], filename))
),
lines AS (
    SELECT line, filename, row_number() OVER () AS place
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
SELECT line, list_contains($here::VARCHAR[], filename) AS here, place
FROM lines
WHERE hash(left(line, strpos(line, '","id":"'))) IN (SELECT head FROM again)
