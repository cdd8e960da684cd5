-- The rows of a contributions file as what their events are written from, and whether each looks as nearly all rows do.
--
-- Inputs   $cells    path of a file: a line for each row, with U+001F between its cells; empty ones mean nothing
--          $typed    whether texts have a `"` before them, and what else there is stands as in JSON; else all are texts
--          $file     what tells it from other files
--          $width    how many cells a row has
--          $at       the place in a row of each field that has a meaning, from 1; 0 where the file has no such column
--          $fixed    what each of them is in rows that have none; NULL: nothing
--          $further  the other fields by name: place, head (`"name":`), fixed (the whole field in rows that have none)
-- Table    file, number (from 1, in order of time, then id), id, time (canonical), event_type, evidence and account (as
--          they stand between quotes), login and metadata (JSON), quantity, plain BOOLEAN
-- Invariants  a plain row is one that `sources/file_rows` takes as it stands; that ids differ is another's to see
WITH fields AS (
    SELECT
        row,
        string_split(row, chr(31)) AS cells,
        CASE WHEN NOT $typed THEN cells ELSE list_transform(cells, lambda cell: CASE
            WHEN strlen(cell) > 1 AND starts_with(cell, '"') THEN substr(cell, 2)
            WHEN cell <> '' THEN ' '  -- no text, or an empty one: no field that must be there can be that
            ELSE ''
        END) END AS texts,
        coalesce(nullif(texts[$at.id], ''), $fixed.id) AS id,
        coalesce(nullif(texts[$at.time], ''), $fixed.time) AS written,
        coalesce(nullif(texts[$at.event_type], ''), $fixed.event_type) AS event_type,
        coalesce(nullif(texts[$at.account], ''), $fixed.account) AS account,
        coalesce(nullif(texts[$at.evidence], ''), $fixed.evidence) AS evidence,
        CASE
            WHEN cells[$at.login] IN ('"', 'null') AND $typed THEN NULL
            ELSE coalesce(nullif(texts[$at.login], ''), $fixed.login)
        END AS login,
        coalesce(
            nullif(CASE WHEN texts[$at.quantity] = ' ' THEN cells[$at.quantity] ELSE texts[$at.quantity] END, ''),
            $fixed.quantity
        ) AS quantity
    FROM read_csv(
        $cells,
        columns = {'row': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none',
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 131072
    )
    WHERE row <> ''
),
timed AS (
    SELECT
        *,
        left(written, 10) || CASE WHEN strlen(written) = 10 THEN 'T00:00:00' ELSE substr(written, 11, 9) END AS second,
        second || CASE WHEN strlen(written) = 24 THEN right(written, 5) ELSE '.000Z' END AS time
    FROM fields
),
judged AS (
    SELECT
        id,
        time,
        event_type,
        replace(replace(evidence, '\', '\\'), '"', '\"') AS evidence,
        replace(replace(account, '\', '\\'), '"', '\"') AS account,
        coalesce('"' || replace(replace(login, '\', '\\'), '"', '\"') || '"', 'null') AS login,
        '{' || coalesce(array_to_string(
            list_transform(
                $further::STRUCT(place INTEGER, head VARCHAR, fixed VARCHAR)[],
                lambda field: CASE
                    WHEN coalesce(cells[field.place], '') = '' THEN field.fixed
                    WHEN $typed AND NOT starts_with(cells[field.place], '"') THEN field.head || cells[field.place]
                    ELSE concat(
                        field.head,
                        '"',
                        replace(replace(
                            CASE WHEN $typed THEN substr(cells[field.place], 2) ELSE cells[field.place] END, '\', '\\'
                        ), '"', '\"'),
                        '"'
                    )
                END
            ),
            ','
        ), '') || '}' AS metadata,
        quantity,
        coalesce(
            len(cells) = $width
            AND NOT regexp_matches(row, '[\x00-\x1e\x7f]')
            AND strlen(row) < 131072
            AND regexp_full_match(
                concat_ws(chr(31), id, written, event_type, account, quantity, evidence),
                '[A-Za-z0-9._-]{1,128}'
                '\x1f[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3})?Z)?'
                '\x1f[a-z][a-z0-9_]{0,62}\x1f[!-~]{1,256}\x1f[1-9][0-9]{0,15}'
                '\x1fhttps?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][!-~]*)?'
            )
            AND strlen(evidence) <= 2000
            AND try_cast(quantity AS BIGINT) <= 9007199254740991
            AND (NOT $typed OR coalesce(cells[$at.login] IN ('', 'null') OR starts_with(cells[$at.login], '"'), true))
            AND strftime(try_cast(second AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S') = second,
            false
        ) AS plain
    FROM timed
)
SELECT $file::VARCHAR AS file, row_number() OVER () AS number, *
FROM (FROM judged ORDER BY time, id)
