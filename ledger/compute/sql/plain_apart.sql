-- Whether no two of some rows of a file have link, moment and kind in common, which is what `alike` looks for in logs.
--
-- Inputs   table plain_rows; $file, the numbers of its rows from $first up to $end (not included)
-- Output   BOOLEAN, one row; false also where two hashes meet by chance
SELECT count(*) = count(DISTINCT hash(evidence, time, event_type))
FROM plain_rows
WHERE file = $file AND number >= $first AND number < $end
ORDER BY 1
