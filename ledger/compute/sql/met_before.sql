-- The ids that were remembered before the node was taken in parts, by their hashes.
--
-- Inputs   table seen
-- Table    hash UBIGINT, part INTEGER
SELECT hash(id) AS hash, 0 AS part
FROM seen
