-- The events of some rows of a file, as `core/sealing` writes them.
--
-- Inputs   table plain_rows; $file, $begins and $suffix: what stands around its ids in those of the events; the numbers of its rows from $first up to $end (not included)
--          $ingested, $node, $produced, $placed   fields of their provenance as they stand in a line
-- Output   id, payload_hash (hex), line BLOB (without a line end); in order of time, then id
WITH parts AS (
    SELECT
        number,
        time,
        concat($begins, id, $suffix) AS event_id,
        concat(
            '{"artifact_url":"', evidence, '","event_time":"', time, '","event_type":"', event_type, '","id":"', event_id, '"'
        ) AS head,
        metadata,
        login,
        '"platform_user_id":"' || account || '"' AS account,
        '"quantity":' || quantity AS quantity
    FROM plain_rows
    WHERE file = $file AND number >= $first AND number < $end
),
hashed AS (
    SELECT
        *,
        sha256(
            concat(head, ',"metadata":', metadata, ',', account, ',', quantity, ',"source":"file"}')
        ) AS payload_hash
    FROM parts
)
SELECT
    event_id AS id,
    payload_hash,
    encode(
        concat(
            head, ',', $ingested, ',"metadata":', metadata, ',', $node, ',"payload_hash":"', payload_hash,
            '","platform_login":', login, ',', account, ',', $produced, ',', quantity, ',', $placed, ',"source":"file"}'
        )
    ) AS line
FROM hashed
ORDER BY number
