-- Everything that an outcome shows, for epochs one after another, each in log order.
--
-- Inputs   tables events, places, outcomes; $first, $last epoch; $id one event's id (NULL: all)
-- Output   number (rowid of events), then the fields of core's EventOutcome from `id` on, in its order; units HUGEINT
--          milli-units, late BOOLEAN (its time lies before the window), quantity BIGINT
SELECT
    number,
    id,
    source,
    event_type,
    strftime(event_time, '%Y-%m-%dT%H:%M:%S.%gZ') AS event_time,
    artifact_url,
    platform_user_id,
    platform_login,
    user_id,
    included,
    units,
    weight_source,
    events.event_time < period_start::TIMESTAMP AS late,
    quantity
FROM outcomes
JOIN events ON events.rowid = number
JOIN places ON places.epoch = outcomes.epoch
WHERE
    outcomes.epoch BETWEEN $first AND $last
    AND events.epoch BETWEEN $first AND $last
    AND ($id::VARCHAR IS NULL OR id = $id)
ORDER BY number
