-- Events that came in after ingestion was closed (INGESTION_CLOSED_ON_REVIEW).
--
-- Inputs   table events; $epoch, $closed (canonical time), $most rows
-- Output   number (rowid of events), ingested_at (canonical time: what is none is told as such, and is not late)
SELECT rowid AS number, strftime(ingested_at, '%Y-%m-%dT%H:%M:%S.%gZ') AS ingested_at
FROM events
WHERE epoch = $epoch AND events.ingested_at > $closed::VARCHAR::TIMESTAMP
ORDER BY number
LIMIT $most
