-- The lines that ledger.core must look at.
--
-- Inputs   table events
-- Output   number (rowid of events)
SELECT rowid AS number
FROM events
WHERE NOT sound
ORDER BY number
