-- How many rows a file has, how many of them lie before a time, and the last time of any.
--
-- Inputs   table plain_rows; $file, $time
-- Output   BIGINT, BIGINT, canonical time; one row
SELECT count(*), count(*) FILTER (WHERE time < $time), max(time)
FROM plain_rows
WHERE file = $file
ORDER BY 1
