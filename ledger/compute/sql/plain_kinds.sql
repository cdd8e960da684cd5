-- The kinds of some rows of a file, as `kinds` finds them in the log of their events.
--
-- Inputs   table plain_rows; $file, the numbers of its rows from $first up to $end (not included)
-- Output   source, event_type, hours UBIGINT[]
SELECT 'file' AS source, event_type, list_sort(list(DISTINCT translate(left(time, 13), '-T', '')::UBIGINT)) AS hours
FROM plain_rows
WHERE file = $file AND number >= $first AND number < $end
GROUP BY event_type
ORDER BY event_type
