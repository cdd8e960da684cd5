-- Whether an id of one log stands anywhere else, or in it twice (ACTIVITY_IDEMPOTENT).
--
-- Inputs   table seen; $log the epoch's folder inside the node
-- Output   BOOLEAN, one row
SELECT count(*) > 0
FROM (
    SELECT id
    FROM seen
    WHERE id IN (SELECT id FROM seen WHERE log = $log)
    GROUP BY id
    HAVING count(*) > 1
)
ORDER BY 1
