-- The ids of the loaded epochs by their hashes, those of doubtful lines too: stricter than `seen_here`, never laxer.
--
-- Inputs   table events; $part of the node that they are in
-- Table    hash UBIGINT, part INTEGER
SELECT hash(id) AS hash, $part::INTEGER AS part
FROM events
WHERE id IS NOT NULL
