-- Events that share source, kind, moment, account and link with another one, where at least one of them lies in the epoch
-- at hand.
--
-- Inputs   $shards   paths of activity logs, in the order of their epochs
--          $here     those of them that are the epoch's own
-- Output   as of same_work
-- Invariants  reads only; the logs are checked elsewhere. Only lines are parsed that begin as another does, by a hash: link,
--          moment and kind come first in a canonical line, and nothing before the id can hold a bare quote. The logs are read
--          again for these lines, for keeping all of them takes the memory of the logs; where there are none, they are not
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
),
events AS (
    SELECT
        place,
        list_contains($here::VARCHAR[], filename) AS here,
        from_json(line, '{
            "artifact_url": "VARCHAR", "event_time": "VARCHAR", "event_type": "VARCHAR", "id": "VARCHAR",
            "metadata": "JSON", "platform_user_id": "VARCHAR", "source": "VARCHAR"
        }') AS e
    FROM lines
    WHERE hash(left(line, strpos(line, '","id":"'))) IN (SELECT head FROM again)
)
SELECT
    e.id AS id,
    e.source AS source,
    e.event_type AS event_type,
    e.event_time AS event_time,
    e.platform_user_id AS platform_user_id,
    e.artifact_url AS artifact_url,
    e.metadata ->> '$.title' AS title,
    e.metadata ->> '$.number' AS number,
    e.metadata ->> '$.repository_id' AS repository_id,
    here
FROM events
WINDOW same AS (PARTITION BY e.source, e.event_type, e.event_time, e.platform_user_id, e.artifact_url)
QUALIFY count(*) OVER same > 1 AND bool_or(here) OVER same
ORDER BY place
