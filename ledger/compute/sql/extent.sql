-- What the engine saw of the log, to be held against its bytes as they were hashed.
--
-- Inputs   table events
-- Output   lines BIGINT, octets HUGEINT (bytes, a line end for each line included)
SELECT count(*) AS lines, coalesce(sum(octets + 1), 0) AS octets
FROM events
