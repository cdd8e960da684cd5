-- The ids of a file's rows, as they stand there.
--
-- Inputs   table plain_rows; $file
-- Output   id
SELECT id
FROM plain_rows
WHERE file = $file
ORDER BY number
