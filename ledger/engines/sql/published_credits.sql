-- Credits by person and year, as the tables say that a site publishes under data/.
--
-- Inputs   payouts, epochs (of finalized epochs of one site)
-- Output   scope_id, year (in which the epoch's window ends), user_id, name, credits (text)
SELECT
    payouts.scope_id,
    EXTRACT(YEAR FROM epochs.period_end - INTERVAL '1' SECOND) AS year,
    payouts.user_id,
    MAX(payouts.name) AS name,
    CAST(SUM(CAST(payouts.in_force_credits AS DECIMAL(38,0))) AS STRING) AS credits
FROM payouts
JOIN epochs ON epochs.scope_id = payouts.scope_id AND epochs.epoch_id = payouts.epoch_id
WHERE epochs.state = 'finalized'
GROUP BY payouts.scope_id, EXTRACT(YEAR FROM epochs.period_end - INTERVAL '1' SECOND), payouts.user_id
