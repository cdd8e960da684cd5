-- The ids of `held_part` as numbers, in rising order, some thousands to a row.
--
-- Inputs   table held_part
-- Output   kind, numbers UBIGINT[], places UINTEGER[] (the log of each)
SELECT kind, list(id_hash ORDER BY id_hash, log) AS numbers, list(log ORDER BY id_hash, log) AS places
FROM held_part
GROUP BY kind, id_hash >> 57
ORDER BY kind, id_hash >> 57
