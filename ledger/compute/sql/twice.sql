-- The loaded epochs that hold an id which stands elsewhere too: where `repeated` and `seen_before` find something.
--
-- Inputs   tables events, places, seen (before the loaded epochs' own ids are added)
-- Output   epoch
-- Invariants  ACTIVITY_IDEMPOTENT holds in every other epoch, and between them and all that was seen
WITH doubled AS (
    SELECT id
    FROM events
    WHERE id IS NOT NULL
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
