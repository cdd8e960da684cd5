-- What each event of a unit (a version of an epoch) comes to (specification, section 4, rule 1).
--
-- Inputs   events, units, decisions, accounts, weights
-- Output   unit, place (of the line in its log), source, event_type, platform_user_id, platform_login, user_id (NULL:
--          unresolved), included, quantity, milli DECIMAL(38,0) milli-units (quantity × weight)
-- Invariants  common subset of DuckDB and Spark. The product of 19 and 18 digits has the 38 that a decimal can have
SELECT
    units.unit,
    events.place,
    events.source,
    events.event_type,
    events.platform_user_id,
    events.platform_login,
    COALESCE(
        decisions.user_id, CASE WHEN events.source = 'receipt' THEN events.platform_user_id ELSE accounts.user_id END
    ) AS user_id,
    COALESCE(decisions.included, TRUE) AS included,
    events.quantity,
    CAST(
        CAST(events.quantity AS DECIMAL(19,0)) * CAST(COALESCE(decisions.weight, weights.weight, 0) AS DECIMAL(18,0))
        AS DECIMAL(38,0)
    ) AS milli
FROM events
JOIN units ON units.log = events.log
LEFT JOIN decisions ON decisions.unit = units.unit AND decisions.id = events.id
LEFT JOIN accounts
    ON accounts.book = units.book
    AND accounts.source = events.source
    AND accounts.platform_user_id = events.platform_user_id
    AND accounts.first <= units.size
    AND accounts.until > units.size
LEFT JOIN weights ON weights.unit = units.unit AND weights.kind = CONCAT(events.source, ':', events.event_type)
