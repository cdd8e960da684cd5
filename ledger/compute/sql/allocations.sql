-- Units per user (specification, section 4, rule 2).
--
-- Inputs   tables outcomes, overrides
-- Output   epoch, user_id, activity_count BIGINT (included events that resolve to the user), proposed_units HUGEINT
--          milli-units, final_units BIGINT milli-units (NULL: none decided), reason (of the override)
-- Invariants  only included, resolved events count; an override may name a user without activity; sums are exact in
--             128 bits, and the caller refuses what leaves 64
WITH earned AS (
    SELECT epoch, user_id, count(*) AS activity_count, sum(units) AS proposed_units
    FROM outcomes
    WHERE included AND user_id IS NOT NULL
    GROUP BY epoch, user_id
)
SELECT
    coalesce(earned.epoch, overrides.epoch) AS epoch,
    coalesce(earned.user_id, overrides.user_id) AS user_id,
    coalesce(activity_count, 0) AS activity_count,
    coalesce(proposed_units, 0) AS proposed_units,
    final_units,
    reason
FROM earned
FULL JOIN overrides ON overrides.epoch = earned.epoch AND overrides.user_id = earned.user_id
ORDER BY epoch, user_id
