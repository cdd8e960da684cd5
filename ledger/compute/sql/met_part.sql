-- The hashes of one part's ids.
--
-- Inputs   table met; $part
-- Output   hash UBIGINT
SELECT hash
FROM met
WHERE part = $part
ORDER BY hash
