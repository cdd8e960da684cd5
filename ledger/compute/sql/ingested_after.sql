-- Events that came in after ingestion was closed (INGESTION_CLOSED_ON_REVIEW).
--
-- Inputs   table events; $closed (canonical time), $most rows
-- Output   number (rowid of events), ingested_at (canonical time)
SELECT rowid AS number, ingested_at
FROM events
WHERE ingested_at > $closed
ORDER BY number
LIMIT $most
