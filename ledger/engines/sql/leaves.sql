-- The leaf hash of each line (RFC 9162, section 2.1).
--
-- Inputs   lines
-- Output   log, place (of the line in its log), hash (hex)
SELECT log, place, sha2(unhex('00') || octets, 256) AS hash
FROM lines
