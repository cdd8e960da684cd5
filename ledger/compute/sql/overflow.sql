-- Events whose quantity × weight leaves 64 bits (ALL_MATH_BIGINT).
--
-- Inputs   tables events, outcomes; $epoch, $most the largest amount that is allowed (milli-units)
-- Output   number (rowid of events), quantity BIGINT, units HUGEINT milli-units
SELECT number, quantity, units
FROM outcomes
JOIN events ON events.rowid = number
WHERE outcomes.epoch = $epoch AND events.epoch = $epoch AND units > $most::HUGEINT
ORDER BY number
LIMIT 1
