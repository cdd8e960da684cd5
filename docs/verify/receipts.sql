-- Hold the log of receipts to its rules with DuckDB alone, as far as SQL can: numbers, one receipt of a key, points.
--
-- Run it at the top of a node, or beside a published receipts.jsonl:
--     duckdb -c ".read receipts.sql"
-- Signatures, rights and four eyes need cryptography and the approver sets: `ledger receipt verify` and the browser do that.
-- Prints one row for each thing that is wrong, and nothing where all of it holds.

CREATE OR REPLACE TEMP TABLE acts AS
    SELECT (line->>'$.seq')::BIGINT AS seq, line->>'$.act' AS act, (line->>'$.number')::BIGINT AS number,
           line->>'$.at' AS moment, line->>'$.receipt_hash' AS hash, line->>'$.node_id' AS node,
           line->>'$.receipt.work_item_id' AS item, line->>'$.receipt.user_id' AS person, line->>'$.receipt.role' AS role,
           (line->>'$.receipt.estimate')::HUGEINT AS estimate, (line->>'$.receipt.work_points')::HUGEINT AS points,
           line->>'$.receipt.scope_id' AS scope, line->>'$.receipt.artifact_url' AS artifact, line->>'$.receipt.issued_at' AS issued
    FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10)))::JSON AS line
          FROM read_text(['data/receipts*.jsonl', 'receipts*.jsonl']) WHERE size > 0);

-- Each receipt, and the act that decides: the latest.
CREATE OR REPLACE TEMP TABLE standing AS
    SELECT issued.*, latest.act AS last FROM acts AS issued
    JOIN (SELECT hash, arg_max(act, seq) AS act FROM acts GROUP BY hash) AS latest USING (hash)
    WHERE issued.act = 'issued' AND latest.act <> 'revoked';

SELECT 'RECEIPT_SIGNED' AS rule, 'receipt_hash is not the hash of the text' AS what, hash AS which FROM acts
    WHERE act = 'issued' AND hash <> sha256(concat_ws(chr(10), 'Ledger Work Receipt', 'Node: ' || node, 'Scope: ' || scope,
        'Work Item: ' || item, 'Subject: ' || person, 'Role: ' || role,
        'Estimate: ' || estimate || ' of ' || points, 'Artifact: ' || artifact, 'Issued At: ' || issued))
UNION ALL
SELECT 'LATEST_EVENT_WINS', 'acts are not numbered 0, 1, 2 …', hash FROM acts
    QUALIFY number <> row_number() OVER (PARTITION BY hash ORDER BY seq) - 1
UNION ALL
SELECT 'LATEST_EVENT_WINS', 'lies before the act before it', hash FROM acts QUALIFY moment < lag(moment) OVER (ORDER BY seq)
UNION ALL
SELECT 'IDEMPOTENT_RECEIPTS', 'more than one receipt stands', item || ':' || person || ':' || role
    FROM standing GROUP BY item, person, role HAVING count(*) > 1
UNION ALL
SELECT 'RECEIPT_ROLE_BUDGET', 'more points than the item has', item || ':' || role
    FROM standing GROUP BY item, role HAVING sum(estimate) > min(points)
UNION ALL
SELECT 'RECEIPT_ROLE_BUDGET', 'receipts disagree on the points of the item', item
    FROM standing GROUP BY item HAVING count(DISTINCT points) > 1
ORDER BY ALL;
