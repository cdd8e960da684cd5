-- Accounts without a user, with what they would earn (IDENTITY_BEST_EFFORT).
--
-- Inputs   tables events, outcomes
-- Output   epoch, source, platform_user_id, platform_login (of the account's last such event), event_count BIGINT,
--          units HUGEINT milli-units
-- Invariants  included events only; none is dropped
SELECT
    outcomes.epoch,
    source,
    platform_user_id,
    arg_max_null(platform_login, number) AS platform_login,
    count(*) AS event_count,
    sum(units) AS units
FROM outcomes
JOIN events ON events.rowid = number
WHERE included AND user_id IS NULL
GROUP BY outcomes.epoch, source, platform_user_id
ORDER BY outcomes.epoch, source, platform_user_id
