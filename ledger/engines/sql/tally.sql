-- Events, quantity and milli-units by account and kind: all sums of an epoch follow from these rows.
--
-- Inputs   outcomes
-- Output   unit, source, event_type, platform_user_id, user_id, included, events; as text, since they may pass 2^63:
--          quantity, milli (milli-units), largest (those of any one event); last: place and login of the last event
-- Invariants  common subset of DuckDB and Spark; a SUM is over DECIMAL(38,0) alone, for one over BIGINT wraps in Sail
--             without a word
SELECT
    unit,
    source,
    event_type,
    platform_user_id,
    user_id,
    included,
    COUNT(*) AS events,
    CAST(SUM(CAST(quantity AS DECIMAL(38,0))) AS STRING) AS quantity,
    CAST(SUM(CAST(milli AS DECIMAL(38,0))) AS STRING) AS milli,
    CAST(MAX(milli) AS STRING) AS largest,
    MAX(CONCAT(LPAD(CAST(place AS STRING), 15, '0'), COALESCE('=' || platform_login, ''))) AS last
FROM outcomes
GROUP BY unit, source, event_type, platform_user_id, user_id, included
