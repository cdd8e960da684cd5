-- What the engine saw of each log, to be held against its bytes as they were hashed.
--
-- Inputs   table events
-- Output   epoch, lines BIGINT, octets HUGEINT (bytes, a line end for each line included), unsound BIGINT (lines), latest
--          (the greatest ingested_at, canonical), receipts BIGINT (lines of a receipt's event, or with the id of one); no row for a
--          log without lines
SELECT
    epoch,
    count(*) AS lines,
    sum(octets + 1) AS octets,
    count(*) FILTER (NOT sound) AS unsound,
    strftime(max(ingested_at), '%Y-%m-%dT%H:%M:%S.%gZ') AS latest,
    count(*) FILTER (source = 'receipt' OR starts_with(id, 'receipt:')) AS receipts
FROM events
GROUP BY epoch
ORDER BY epoch
