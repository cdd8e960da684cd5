-- One row for each line of the activity logs of a set of epochs of one scope, epoch by epoch in log order (the table's
-- rowid counts them from 0).
--
-- Inputs   $shards       paths of the logs' shards, in order; the folder of each is named by the epoch's number
--          $node_id, $scope_id, $first the smallest epoch, $ends the end of each window from it on (canonical times;
--          NULL for an epoch that is not of the set)
--          $fields       a line's fields and their types, in canonical order, as from_json takes them; $inner: without the
--                        node's and the scope's ids
--          $flat         a pattern that metadata matches; $shapes one that only some of it does, the keys in order
--          $names        some that are right for types, sources and producers
--          $doubted      whether a line may be no JSON; where one is and this is false, the query ends with an error
-- Table    epoch         INTEGER
--          id … platform_login   fields as text, NULL where the line is no JSON object
--          event_time, ingested_at   TIMESTAMP, NULL where it is no canonical time
--          quantity      BIGINT, how many of it
--          octets        INTEGER, bytes of the line without its line end
--          canonical     BOOLEAN, the line is exactly what its own fields give when written again (RFC 8785)
--          sound         BOOLEAN, canonical, and every field is of its type, within its bounds, of this node and scope,
--                        before the window's end, and the payload hash is right
-- Invariants  PROVENANCE_REQUIRED, NODE_SCOPED, SCOPE_SCOPED: a row that is sound holds them. A row that is not goes
--             to ledger.core, which decides and explains; this query may be stricter than core, never laxer.
--
-- Why this proves the form: keys of the STRUCT are in canonical order and to_json writes shortest escapes and no
-- spaces, so equality leaves no room for another order, a duplicate, unknown or missing key, another type, a
-- fraction, or an exponent. Left to check by pattern: null, control characters and the inside of metadata.
-- A line that is plain is proved by less: it equals its fields and the two ids set between the keys as they are, which it
-- could not if one of them were written with an escape, since each escape is longer than what it stands for. to_json
-- writes the rest. Of a time, 24 bytes from a digit to the Z leave each number its full width and no room for blanks.
-- No join, for behind one the rows are in no order: DuckDB makes one of list_contains with more than five constants.
WITH lines AS (
    SELECT
        line,
        CASE WHEN len($ends::VARCHAR[]) = 1 THEN $first::INTEGER ELSE split_part(filename, '/', -2)::INTEGER END AS epoch
    FROM read_csv(
        $shards,
        columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, compression = 'none', filename = true,
        hive_partitioning = false, delim = '', quote = '', escape = '', new_line = '\n', max_line_size = 67108864
    )
),
parsed AS (
    SELECT
        epoch,
        line,
        CASE WHEN $doubted THEN try(from_json(line, $inner)) ELSE from_json(line, $inner) END AS e -- `try` costs a tenth
    FROM lines
),
compared AS (
    SELECT
        epoch,
        e,
        line,
        line = concat(
            '{"artifact_url":"', e.artifact_url, '","event_time":"', e.event_time, '","event_type":"', e.event_type, '","id":"',
            e.id, '","ingested_at":"', e.ingested_at, '","metadata":', e.metadata,
            ',"node_id":"' || $node_id || '","payload_hash":"', e.payload_hash,
            '","platform_login":', coalesce('"' || e.platform_login || '"', 'null'), ',"platform_user_id":"',
            e.platform_user_id, '","producer":"', e.producer, '","producer_version":"', e.producer_version, '","quantity":',
            e.quantity, ',"retrieved_at":"', e.retrieved_at, '","scope_id":"' || $scope_id || '","source":"', e.source, '"}'
        ) AS plain
    FROM parsed
),
written AS (
    SELECT
        epoch,
        e,
        plain,
        strlen(line)::INTEGER AS octets,
        CASE WHEN plain THEN true
            ELSE coalesce(line = to_json(try(from_json(line, $fields)))::VARCHAR, false) END AS canonical,
        CASE WHEN plain THEN true
            ELSE try(from_json(line, '{"node_id": "VARCHAR", "scope_id": "VARCHAR"}'))
            = {'node_id': $node_id, 'scope_id': $scope_id} END AS here,
        e.id || e.platform_user_id AS ids,
        CASE WHEN strlen(e.event_time) = 24 AND e.event_time >= '0001' AND ends_with(e.event_time, 'Z')
            THEN try_strptime(e.event_time, '%Y-%m-%dT%H:%M:%S.%gZ') END AS event_time,
        CASE WHEN strlen(e.ingested_at) = 24 AND e.ingested_at >= '0001' AND ends_with(e.ingested_at, 'Z')
            THEN try_strptime(e.ingested_at, '%Y-%m-%dT%H:%M:%S.%gZ') END AS ingested_at
    FROM compared
)
SELECT
    epoch,
    e.id,
    e.source,
    e.event_type,
    event_time,
    e.artifact_url,
    e.platform_user_id,
    e.platform_login,
    ingested_at,
    e.quantity,
    octets,
    canonical,
    coalesce(
        canonical
        AND octets <= 1000000 -- the longest line that is read (specification, Bounds)
        AND here
        AND e.event_time < ($ends::VARCHAR[])[epoch - $first + 1]
        AND strlen(e.id) BETWEEN 1 AND 512
        AND strlen(e.platform_user_id) BETWEEN 1 AND 256
        -- Ids are of visible ASCII: a byte a character, and no blank. No text holds a control character; of these JSON
        -- lets only delete stand as it is, so that a plain line has no other.
        AND strlen(ids) = length(ids) AND NOT contains(ids, ' ')
        AND CASE WHEN plain THEN NOT (
                contains(ids, chr(127)) OR contains(e.artifact_url, chr(127)) OR contains(e.producer_version, chr(127))
                OR contains(coalesce(e.platform_login, ''), chr(127))
            )
            ELSE NOT regexp_matches( -- NULL where one is
                ids || e.artifact_url || e.producer_version || coalesce(e.platform_login, ''), '[\x00-\x1f\x7f]'
            ) END
        AND CASE WHEN list_position($names::VARCHAR[], e.event_type) > 0 THEN true
            ELSE regexp_full_match(e.event_type, '[a-z][a-z0-9_]{0,62}') END
        AND CASE WHEN list_position($names::VARCHAR[], e.source) > 0 THEN true
            ELSE regexp_full_match(e.source, '[a-z][a-z0-9_-]{0,62}') END
        AND CASE WHEN e.producer = e.source THEN true ELSE regexp_full_match(e.producer, '[a-z][a-z0-9_-]{0,62}') END
        AND CASE WHEN e.source = 'receipt'
            THEN regexp_full_match(
                e.platform_user_id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
            )
            ELSE true END
        AND e.quantity BETWEEN 1 AND 9007199254740991
        AND event_time IS NOT NULL
        AND ingested_at IS NOT NULL
        AND CASE WHEN e.retrieved_at = e.ingested_at THEN true
            ELSE strlen(e.retrieved_at) = 24 AND e.retrieved_at >= '0001' AND ends_with(e.retrieved_at, 'Z')
            AND try_strptime(e.retrieved_at, '%Y-%m-%dT%H:%M:%S.%gZ') IS NOT NULL END
        AND CASE WHEN regexp_full_match(e.metadata, $shapes) THEN true
            ELSE regexp_full_match(e.metadata, $flat) AND coalesce(
                list_bool_and(
                    list_transform(
                        list_zip(json_keys(e.metadata), json_keys(e.metadata)[2:], true), lambda pair: pair[1] < pair[2]
                    )
                ),
                true
            ) END
        AND sha256(
            CASE WHEN plain THEN concat(
                '{"artifact_url":"', e.artifact_url, '","event_time":"', e.event_time, '","event_type":"', e.event_type,
                '","id":"', e.id, '","metadata":', e.metadata, ',"platform_user_id":"', e.platform_user_id, '","quantity":',
                e.quantity, ',"source":"', e.source, '"}'
            )
            ELSE to_json(
                {
                    'artifact_url': e.artifact_url, 'event_time': e.event_time, 'event_type': e.event_type, 'id': e.id,
                    'metadata': e.metadata, 'platform_user_id': e.platform_user_id, 'quantity': e.quantity,
                    'source': e.source
                }
            )::VARCHAR END
        ) = e.payload_hash,
        false
    ) AS sound
FROM written
