-- Events and milli-units by person, kind and year, as the tables say that a site publishes under data/.
--
-- Inputs   published (its table of events), epochs (of finalized epochs of one site)
-- Output   scope_id, year (in which the epoch's window ends), user_id, source, event_type, events, milli_units (text)
SELECT
    published.scope_id,
    EXTRACT(YEAR FROM epochs.period_end - INTERVAL '1' SECOND) AS year,
    published.user_id,
    published.source,
    published.event_type,
    COUNT(*) AS events,
    CAST(SUM(CAST(published.milli_units AS DECIMAL(38,0))) AS STRING) AS milli_units
FROM published
JOIN epochs ON epochs.scope_id = published.scope_id AND epochs.epoch_id = published.epoch_id
WHERE epochs.state = 'finalized' AND published.included AND published.user_id IS NOT NULL
GROUP BY
    published.scope_id, EXTRACT(YEAR FROM epochs.period_end - INTERVAL '1' SECOND), published.user_id,
    published.source, published.event_type
