-- The loaded epochs that hold an id which stands elsewhere too: where `repeated` and `seen_before` find something.
--
-- Inputs   tables events, places, seen (before the loaded epochs' own ids are added)
-- Output   epoch
-- Invariants  ACTIVITY_IDEMPOTENT holds in every other epoch, and between them and all that was seen. Equal ids have equal
--             hashes, which take a fifth of the memory: only ids whose hash is there twice are held against each other
WITH hashes AS (
    SELECT hash(id) AS hash
    FROM events
    WHERE id IS NOT NULL
    GROUP BY hash(id)
    HAVING count(*) > 1
),
doubled AS (
    SELECT id
    FROM events
    WHERE hash(id) IN (SELECT hash FROM hashes)
    GROUP BY id
    HAVING count(*) > 1
),
elsewhere AS (
    SELECT events.epoch
    FROM events
    JOIN seen ON seen.id = events.id
    JOIN places ON places.epoch = events.epoch
    WHERE seen.log <> places.log
)
SELECT epoch
FROM events
WHERE id IN (SELECT id FROM doubled)
UNION
SELECT epoch
FROM elsewhere
ORDER BY epoch
