-- The ids of a log that was proved elsewhere, by their hashes.
--
-- Inputs   table seen, which holds that log's ids; $log the epoch's folder inside the node, $part that it is in
-- Table    hash UBIGINT, part INTEGER
SELECT hash(id) AS hash, $part::INTEGER AS part
FROM seen
WHERE log = $log
