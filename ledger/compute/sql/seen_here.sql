-- The loaded epochs' ids, for the search across epochs.
--
-- Inputs   tables events, places
-- Table    id, log (the epoch's folder inside the node)
SELECT id, log
FROM events
JOIN places ON places.epoch = events.epoch
WHERE canonical
