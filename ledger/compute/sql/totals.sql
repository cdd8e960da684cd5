-- Events and units by kind.
--
-- Inputs   tables outcomes, rated
-- Output   epoch, source, event_type, event_count BIGINT (all), counted_count BIGINT (included and resolved),
--          units HUGEINT milli-units of the counted ones, quantity HUGEINT of all, largest HUGEINT milli-units of
--          any one event
SELECT
    rated.epoch,
    source,
    event_type,
    event_count,
    count(*) FILTER (included AND user_id IS NOT NULL) AS counted_count,
    coalesce(sum(units) FILTER (included AND user_id IS NOT NULL), 0) AS units,
    quantity,
    max(units) AS largest
FROM outcomes
JOIN rated ON rated.kind = outcomes.kind
GROUP BY rated.epoch, source, event_type, event_count, quantity
ORDER BY rated.epoch, source, event_type
