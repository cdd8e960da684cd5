-- What each event of the loaded epochs comes to (specification, section 4, rule 1).
--
-- Inputs   tables events, places, accounts, decisions; $epochs, $kinds (`source:event_type`) and $weights (milli-units)
--          of the epochs' weights, lists of one length
-- Table    epoch INTEGER, number (rowid of events), user_id (NULL: unresolved), included, units HUGEINT milli-units
--          (quantity × weight; the caller refuses what leaves 64 bits),
--          weight_source 'decision', 'policy' or 'none' (as an ENUM: a byte, where text takes 16)
-- Invariants  one row per event: accounts in a prefix, decisions and kinds are unique by key. A `resolve` goes before the binding;
--             an event of a receipt names the user himself
WITH policy AS (
    SELECT unnest($epochs::INTEGER[]) AS epoch, unnest($kinds::VARCHAR[]) AS kind, unnest($weights::BIGINT[]) AS weight
)
SELECT
    events.epoch AS epoch,
    events.rowid AS number,
    coalesce(
        decisions.user_id, CASE WHEN events.source = 'receipt' THEN events.platform_user_id ELSE accounts.user_id END
    ) AS user_id,
    coalesce(decisions.included, true) AS included,
    events.quantity::HUGEINT * coalesce(decisions.weight, policy.weight, 0) AS units,
    CASE
        WHEN decisions.weight IS NOT NULL THEN 'decision' WHEN policy.weight IS NOT NULL THEN 'policy' ELSE 'none'
    END::ENUM ('decision', 'policy', 'none') AS weight_source
FROM events
JOIN places ON places.epoch = events.epoch
LEFT JOIN decisions ON decisions.epoch = events.epoch AND decisions.id = events.id
LEFT JOIN accounts
    ON accounts.source = events.source
    AND accounts.platform_user_id = events.platform_user_id
    AND accounts.first <= places.size
    AND accounts.until > places.size
    AND decisions.user_id IS NULL
LEFT JOIN policy ON policy.epoch = events.epoch AND policy.kind = events.source || ':' || events.event_type
