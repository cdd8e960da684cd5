-- The logs that may hold one of some ids, and have not been read for `held_exactly` yet.
--
-- Inputs   $ids, $read  places of logs that have been read; table `held`
-- Output   log
SELECT DISTINCT log
FROM held
WHERE id_hash IN (SELECT hash(unnest($ids::VARCHAR[]))) AND NOT list_contains($read::UINTEGER[], log)
ORDER BY log
