-- The kinds of events in the loaded epochs: how many there are of each, and what one weighs.
--
-- Inputs   table events; $epochs, $kinds (`source:event_type`) and $weights (milli-units) of the epochs' weights, lists of
--          one length
-- Table    kind INTEGER (no two rows share one), epoch INTEGER, source, event_type, event_count BIGINT, quantity HUGEINT
--          of all, weight BIGINT (NULL: none)
WITH found AS (
    SELECT epoch, source, event_type, count(*) AS event_count, sum(quantity) AS quantity
    FROM events
    GROUP BY epoch, source, event_type
),
policy AS (
    SELECT unnest($epochs::INTEGER[]) AS epoch, unnest($kinds::VARCHAR[]) AS kind, unnest($weights::BIGINT[]) AS weight
)
SELECT (row_number() OVER ())::INTEGER AS kind, found.*, weight
FROM found
LEFT JOIN policy ON policy.epoch = found.epoch AND policy.kind = source || ':' || event_type
