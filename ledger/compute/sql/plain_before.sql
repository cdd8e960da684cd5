-- How many rows a file has, how many of them lie before a time, and the last time of any.
--
-- Inputs   table plain_rows; $begins of the file, $time
-- Output   BIGINT, BIGINT, canonical time; one row
SELECT count(*), count(*) FILTER (WHERE time < $time), max(time)
FROM plain_rows
WHERE begins = $begins
ORDER BY 1
