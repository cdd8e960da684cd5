-- The first of some rows of a file that is worth more than a total may be (ALL_MATH_BIGINT).
--
-- Inputs   table plain_rows; $file, $begins: how its ids begin in those of the events, the numbers of its rows from $first up to $end (not included)
--          $kinds, $weights (milli-units of each), $most
-- Output   number, id (of the event), quantity and weight as BIGINT; one row or none
-- Invariants  no weight makes too much of a quantity of three digits
SELECT number, $begins || id AS id, quantity::BIGINT AS quantity, weight
FROM plain_rows
JOIN (
    SELECT unnest($kinds::VARCHAR[]) AS event_type, unnest($weights::BIGINT[]) AS weight
) AS weighed USING (event_type)
WHERE file = $file AND number >= $first AND number < $end
    AND strlen(quantity) > 3 AND quantity::HUGEINT * weight > $most
ORDER BY number
LIMIT 1
