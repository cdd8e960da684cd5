-- The lines that ledger.core must look at.
--
-- Inputs   table events; $epoch
-- Output   number (rowid of events)
SELECT rowid AS number
FROM events
WHERE epoch = $epoch AND NOT sound
ORDER BY number
