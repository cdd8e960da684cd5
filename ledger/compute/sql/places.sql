-- The epochs of the set that is loaded.
--
-- Inputs   $epochs, $logs (folders inside the node), $period_starts (canonical times), $sizes (lines of the bindings log
--          that count; NULL: all): lists of one length
-- Table    epoch INTEGER, log, period_start, size BIGINT
SELECT
    unnest($epochs::INTEGER[]) AS epoch,
    unnest($logs::VARCHAR[]) AS log,
    unnest($period_starts::VARCHAR[]) AS period_start,
    coalesce(unnest($sizes::BIGINT[]), 9223372036854775806) AS size
