-- What each event of the loaded epochs comes to (specification, section 4, rule 1).
--
-- Inputs   tables events, places, accounts, decisions, rated
-- Table    epoch INTEGER, number (rowid of events), kind (of rated), user_id (NULL: unresolved), included, units HUGEINT
--          milli-units (quantity × weight; the caller refuses what leaves 64 bits),
--          weight_source 'decision', 'policy' or 'none' (as an ENUM: a byte, where text takes 16)
-- Invariants  one row per event: accounts in a prefix, decisions and kinds are unique by key. A `resolve` goes before the binding;
--             an event of a receipt names the user himself
SELECT
    events.epoch AS epoch,
    events.rowid AS number,
    rated.kind AS kind,
    coalesce(
        decisions.user_id, CASE WHEN events.source = 'receipt' THEN events.platform_user_id ELSE accounts.user_id END
    ) AS user_id,
    coalesce(decisions.included, true) AS included,
    events.quantity::HUGEINT * coalesce(decisions.weight, rated.weight, 0) AS units,
    CASE
        WHEN decisions.weight IS NOT NULL THEN 'decision' WHEN rated.weight IS NOT NULL THEN 'policy' ELSE 'none'
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
LEFT JOIN rated
    ON rated.epoch = events.epoch AND rated.source = events.source AND rated.event_type = events.event_type
