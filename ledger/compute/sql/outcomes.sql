-- What each event of the loaded epoch comes to (specification, section 4, rule 1).
--
-- Inputs   tables events, accounts, decisions; $kinds (`source:event_type`) and $weights (milli-units) of the epoch,
--          two lists of one length
-- Table    number (rowid of events), user_id (NULL: unresolved), included, units HUGEINT milli-units
--          (quantity × weight; the caller refuses what leaves 64 bits),
--          weight_source 'decision', 'policy' or 'none'
-- Invariants  one row per event: accounts, decisions and kinds are unique by key. A `resolve` goes before the binding;
--             an event of a receipt names the user himself
WITH policy AS (
    SELECT unnest($kinds::VARCHAR[]) AS kind, unnest($weights::BIGINT[]) AS weight
)
SELECT
    events.rowid AS number,
    coalesce(
        decisions.user_id, CASE WHEN events.source = 'receipt' THEN events.platform_user_id ELSE accounts.user_id END
    ) AS user_id,
    coalesce(decisions.included, true) AS included,
    events.quantity::HUGEINT * coalesce(decisions.weight, policy.weight, 0) AS units,
    CASE
        WHEN decisions.weight IS NOT NULL THEN 'decision' WHEN policy.weight IS NOT NULL THEN 'policy' ELSE 'none'
    END AS weight_source
FROM events
LEFT JOIN decisions ON decisions.id = events.id
LEFT JOIN accounts ON accounts.source = events.source AND accounts.platform_user_id = events.platform_user_id
LEFT JOIN policy ON policy.kind = events.source || ':' || events.event_type
