-- Ids of the loaded epoch that another epoch of the node, loaded before, holds (ACTIVITY_IDEMPOTENT: an id counts
-- once in the whole history of the node).
--
-- Inputs   tables events, seen; $log the loaded epoch's own folder; $most rows
-- Output   number (rowid of events), id, log (the first of the other epochs' folders)
SELECT events.rowid AS number, events.id, min(log) AS log
FROM events
JOIN seen ON seen.id = events.id
WHERE log <> $log
GROUP BY events.rowid, events.id
ORDER BY number
LIMIT $most
