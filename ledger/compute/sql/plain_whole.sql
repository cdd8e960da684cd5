-- Whether the rows of a file are all plain, none begins before the scope does, and no id stands twice.
--
-- Inputs   table plain_rows; $file, $start of the scope
-- Output   BOOLEAN, one row
SELECT bool_and(plain) AND min(time) >= $start AND count(DISTINCT id) = count(*)
FROM plain_rows
WHERE file = $file
ORDER BY 1
