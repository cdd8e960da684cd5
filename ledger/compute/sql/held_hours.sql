-- The hours of `held_part` in rising order, each once for a log.
--
-- Inputs   table held_part
-- Output   hour UBIGINT, log
SELECT DISTINCT hour, log
FROM held_part
ORDER BY hour, log
