-- The events of git in the given logs.
--
-- Inputs   $shards   paths of activity logs, in the order of their epochs
--          $here     those of them that are the epoch's own
--          $since    a time
-- Output   id, source, event_type, event_time, platform_user_id, artifact_url, title (of the metadata), number and
--          repository_id (NULL), here BOOLEAN: it lies in the epoch's own and was ingested after $since; in the order in
--          which they were recorded
-- Invariants  reads only; the logs are checked elsewhere. A line's source is the last text in it
WITH lines AS (
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
        list_contains($here::VARCHAR[], filename) AS own,
        from_json(line, '{
            "artifact_url": "VARCHAR", "event_time": "VARCHAR", "event_type": "VARCHAR", "id": "VARCHAR",
            "ingested_at": "VARCHAR", "metadata": "JSON", "platform_user_id": "VARCHAR", "source": "VARCHAR"
        }') AS e
    FROM lines
    WHERE split_part(right(line, 80), '"', -2) = 'git'
)
SELECT
    e.id AS id,
    e.source AS source,
    e.event_type AS event_type,
    e.event_time AS event_time,
    e.platform_user_id AS platform_user_id,
    e.artifact_url AS artifact_url,
    e.metadata ->> '$.title' AS title,
    NULL::VARCHAR AS number,
    NULL::VARCHAR AS repository_id,
    own AND e.ingested_at > $since AS here
FROM events
ORDER BY place
