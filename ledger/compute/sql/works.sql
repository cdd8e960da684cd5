-- Events that share source, kind and moment with another one, where at least one of them lies in the epoch at hand.
--
-- Inputs   table near: the lines among which there may be such, made by `alike` or `same_work`
-- Output   id, source, event_type, event_time, platform_user_id, artifact_url, title, number, repository_id (of the
--          metadata, as text, NULL where there is none), here BOOLEAN; in the order in which they were recorded
WITH events AS (
    SELECT
        place,
        here,
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
