-- Events that came in after ingestion was closed (INGESTION_CLOSED_ON_REVIEW).
--
-- Inputs   table events; $epoch, $closed (canonical time), $most rows
-- Output   number (rowid of events), ingested_at (canonical time: what is none is told as such, and is not late)
SELECT rowid AS number, ingested_at
FROM events
WHERE
    epoch = $epoch
    AND ingested_at > $closed
    AND strftime(try_cast(ingested_at AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ') = ingested_at
ORDER BY number
LIMIT $most
