-- What the engine saw of the log, to be held against its bytes as they were hashed.
--
-- Inputs   table events
-- Output   one row: lines BIGINT, octets HUGEINT (bytes, a line end for each line included), unsound BIGINT (lines)
SELECT count(*) AS lines, coalesce(sum(octets + 1), 0) AS octets, count(*) FILTER (NOT sound) AS unsound
FROM events
