-- The lines that ledger.core must look at.
--
-- Inputs   table events
-- Output   number (rowid of events), canonical BOOLEAN
SELECT rowid AS number, canonical
FROM events
WHERE NOT sound
ORDER BY number
