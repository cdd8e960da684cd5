-- The ids of a file's rows, as they stand there.
--
-- Inputs   table plain_rows; $begins of the file
-- Output   id
SELECT id
FROM plain_rows
WHERE begins = $begins
ORDER BY number
