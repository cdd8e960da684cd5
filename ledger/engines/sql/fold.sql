-- One layer of a Merkle tree sixteen-fold smaller: complete subtrees of 16, and what is left over at the end.
--
-- Inputs   layer: log, place (from 0 on, without a gap), hash (hex)
-- Output   log, place, hash (hex)
-- Invariants  common subset of DuckDB and Spark. A pair is hashed, and one without a neighbour is carried upwards
WITH sixteen AS (
    SELECT
        log,
        CAST((place - place % 16) / 16 AS BIGINT) AS place,
        MAX(CASE WHEN place % 16 = 0 THEN hash END) AS h0,
        MAX(CASE WHEN place % 16 = 1 THEN hash END) AS h1,
        MAX(CASE WHEN place % 16 = 2 THEN hash END) AS h2,
        MAX(CASE WHEN place % 16 = 3 THEN hash END) AS h3,
        MAX(CASE WHEN place % 16 = 4 THEN hash END) AS h4,
        MAX(CASE WHEN place % 16 = 5 THEN hash END) AS h5,
        MAX(CASE WHEN place % 16 = 6 THEN hash END) AS h6,
        MAX(CASE WHEN place % 16 = 7 THEN hash END) AS h7,
        MAX(CASE WHEN place % 16 = 8 THEN hash END) AS h8,
        MAX(CASE WHEN place % 16 = 9 THEN hash END) AS h9,
        MAX(CASE WHEN place % 16 = 10 THEN hash END) AS h10,
        MAX(CASE WHEN place % 16 = 11 THEN hash END) AS h11,
        MAX(CASE WHEN place % 16 = 12 THEN hash END) AS h12,
        MAX(CASE WHEN place % 16 = 13 THEN hash END) AS h13,
        MAX(CASE WHEN place % 16 = 14 THEN hash END) AS h14,
        MAX(CASE WHEN place % 16 = 15 THEN hash END) AS h15
    FROM layer
    GROUP BY log, CAST((place - place % 16) / 16 AS BIGINT)
),
eight AS (
    SELECT
        log,
        place,
        COALESCE(sha2(unhex('01') || unhex(h0) || unhex(h1), 256), h0) AS h0,
        COALESCE(sha2(unhex('01') || unhex(h2) || unhex(h3), 256), h2) AS h1,
        COALESCE(sha2(unhex('01') || unhex(h4) || unhex(h5), 256), h4) AS h2,
        COALESCE(sha2(unhex('01') || unhex(h6) || unhex(h7), 256), h6) AS h3,
        COALESCE(sha2(unhex('01') || unhex(h8) || unhex(h9), 256), h8) AS h4,
        COALESCE(sha2(unhex('01') || unhex(h10) || unhex(h11), 256), h10) AS h5,
        COALESCE(sha2(unhex('01') || unhex(h12) || unhex(h13), 256), h12) AS h6,
        COALESCE(sha2(unhex('01') || unhex(h14) || unhex(h15), 256), h14) AS h7
    FROM sixteen
),
four AS (
    SELECT
        log,
        place,
        COALESCE(sha2(unhex('01') || unhex(h0) || unhex(h1), 256), h0) AS h0,
        COALESCE(sha2(unhex('01') || unhex(h2) || unhex(h3), 256), h2) AS h1,
        COALESCE(sha2(unhex('01') || unhex(h4) || unhex(h5), 256), h4) AS h2,
        COALESCE(sha2(unhex('01') || unhex(h6) || unhex(h7), 256), h6) AS h3
    FROM eight
),
two AS (
    SELECT
        log,
        place,
        COALESCE(sha2(unhex('01') || unhex(h0) || unhex(h1), 256), h0) AS h0,
        COALESCE(sha2(unhex('01') || unhex(h2) || unhex(h3), 256), h2) AS h1
    FROM four
)
SELECT log, place, COALESCE(sha2(unhex('01') || unhex(h0) || unhex(h1), 256), h0) AS hash
FROM two
