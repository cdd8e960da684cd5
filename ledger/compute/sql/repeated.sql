-- Ids that stand twice or more in one epoch: each occurrence after the first.
--
-- Inputs   table events; $epoch, $most rows
-- Output   number (rowid of events), id, first (rowid of the id's first line)
WITH twice AS (
    SELECT id, min(rowid) AS first
    FROM events
    WHERE epoch = $epoch AND id IS NOT NULL
    GROUP BY id
    HAVING count(*) > 1
)
SELECT events.rowid AS number, events.id, first
FROM events
JOIN twice ON twice.id = events.id AND events.rowid > first
WHERE epoch = $epoch
ORDER BY number
LIMIT $most
