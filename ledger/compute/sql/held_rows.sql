-- Those of some ids that the logs read so far hold.
--
-- Inputs   $ids; table `held_exactly`
-- Output   scope_id, id, payload_hash (hex)
SELECT scope_id, id, payload_hash
FROM held_exactly
WHERE id IN (SELECT unnest($ids::VARCHAR[]))
ORDER BY scope_id, id
