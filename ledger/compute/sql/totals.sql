-- Events and units by kind.
--
-- Inputs   tables events, outcomes
-- Output   epoch, source, event_type, event_count BIGINT (all), counted_count BIGINT (included and resolved),
--          units HUGEINT milli-units of the counted ones, quantity HUGEINT of all, largest HUGEINT milli-units of
--          any one event
SELECT
    outcomes.epoch,
    source,
    event_type,
    count(*) AS event_count,
    count(*) FILTER (included AND user_id IS NOT NULL) AS counted_count,
    coalesce(sum(units) FILTER (included AND user_id IS NOT NULL), 0) AS units,
    sum(quantity) AS quantity,
    max(units) AS largest
FROM outcomes
JOIN events ON events.rowid = number
GROUP BY outcomes.epoch, source, event_type
ORDER BY outcomes.epoch, source, event_type
