-- Ids of one epoch that another epoch of the node, loaded or seen before it, holds (ACTIVITY_IDEMPOTENT: an id counts
-- once in the whole history of the node).
--
-- Inputs   tables events, places, seen (the loaded epochs' ids included); $epoch, $log its own folder, $most rows
-- Output   number (rowid of events), id, log (the first of the other epochs' folders)
SELECT events.rowid AS number, events.id, min(seen.log) AS log
FROM events
JOIN seen ON seen.id = events.id
LEFT JOIN places ON places.log = seen.log
WHERE events.epoch = $epoch AND seen.log <> $log AND (places.epoch IS NULL OR places.epoch < $epoch)
GROUP BY events.rowid, events.id
ORDER BY number
LIMIT $most
