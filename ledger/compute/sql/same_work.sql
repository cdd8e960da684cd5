-- Events of some sources that share source, kind and moment with another one, where at least one of them lies in the
-- epoch at hand.
--
-- Inputs   $shards   paths of activity logs, in the order of their epochs
--          $here     those of them that are the epoch's own
--          $sources  the sources
-- Output   id, source, event_type, event_time, platform_user_id, artifact_url, title, number, repository_id (of the
--          metadata, as text, NULL where there is none), here BOOLEAN; in the order in which they were recorded
-- Invariants  reads only; the logs are checked elsewhere. Of older lines only those of the epoch's own moments are parsed,
--          and a line's source is the last text in it
WITH lines AS (
    SELECT line, filename, row_number() OVER () AS place
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
),
near AS (
    SELECT line, filename, place
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
),
events AS (
    SELECT
        place,
        list_contains($here::VARCHAR[], filename) AS here,
        from_json(line, '{
            "artifact_url": "VARCHAR", "event_time": "VARCHAR", "event_type": "VARCHAR", "id": "VARCHAR",
            "metadata": "JSON", "platform_user_id": "VARCHAR", "source": "VARCHAR"
        }') AS e
    FROM near
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
WINDOW same AS (PARTITION BY e.source, e.event_type, e.event_time)
QUALIFY count(*) OVER same > 1 AND bool_or(here) OVER same
ORDER BY place
