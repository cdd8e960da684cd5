-- Of each event of some logs, what says where to look for it: its id as a number, and its hour as one.
--
-- Inputs   $shards   paths of activity logs
-- Table    kind (`file:NAME:` of a file source's ids, else empty), id_hash UBIGINT, hour UBIGINT (the first ten digits of
--          event_time), log (its place in $shards, from 0)
-- Invariants  by the look of canonical lines, in which nothing before the id can hold a bare quote; a line of another look
--          ends the query. `compute/segment` makes the same number of an id; what scopes append to it does not count
WITH keys AS (
    SELECT
        filename,
        CASE
            WHEN starts_with(line, '{"artifact_url":"') AND contains(line, '","id":"') AND ends_with(line, '"}')
                THEN regexp_extract(line, '","id":"([^"#]*)', 1)
            ELSE error('a line of an activity log is no event')
        END AS key,
        substr(line, strpos(line, '","event_time":"') + 16, 13) AS hour
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
)
SELECT
    CASE WHEN starts_with(key, 'file:') THEN 'file:' || split_part(key, ':', 2) || ':' ELSE '' END AS kind,
    md5_number_upper(key) AS id_hash,
    coalesce(try_cast(translate(hour, '-T', '') AS UBIGINT), 0::UBIGINT) AS hour,
    shards.log AS log
FROM keys
JOIN (
    SELECT unnest($shards::VARCHAR[]) AS filename, unnest(range(len($shards::VARCHAR[])))::UINTEGER AS log
) AS shards USING (filename)
