-- Whether an id may stand in two parts of the node (ACTIVITY_IDEMPOTENT): whether a hash does.
--
-- Inputs   table met
-- Output   BOOLEAN, one row
SELECT count(*) > 0
FROM (
    SELECT hash
    FROM met
    GROUP BY hash
    HAVING min(part) < max(part)
)
ORDER BY 1
