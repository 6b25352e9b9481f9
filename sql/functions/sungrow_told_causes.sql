-- Causes that come with times of their own, the first that holds first: forgotten by server.forget;
-- what the edge says in a gap record (thinned; a time that was skipped when the clock was set); parked.
CREATE OR REPLACE FUNCTION sungrow_told_causes(of_device text, first timestamptz, until timestamptz, of_kind text)
RETURNS TABLE (cause text, spans tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT cause, range_agg(span) FROM (
        SELECT 1 AS rank, 'forgotten' AS cause, tstzrange(from_ts, to_ts) AS span
          FROM sungrow_forgotten WHERE device_id = of_device AND from_ts < until AND to_ts > first
        UNION ALL
        SELECT 2, CASE cause WHEN 'clock_step' THEN 'clock_unsynced' ELSE cause END,
               -- These and the parked are moments of polls; each stands for time around it.
               tstzrange(from_ts - interval '30 seconds', to_ts + interval '30 seconds')
          FROM sungrow_gaps
         WHERE device_id = of_device AND kind = of_kind AND from_ts < until AND to_ts > first AND from_ts <= to_ts
           AND cause IN ('thinned', 'clock_step', 'clock_unsynced', 'inverter_off', 'dongle_silent', 'edge_down')
        UNION ALL
        SELECT 3, 'parked', tstzrange(ts - interval '30 seconds', ts + interval '30 seconds')
          FROM sungrow_parked
         WHERE device_id = of_device AND kind = of_kind AND coalesce(ts, received_at) > first
           AND coalesce(ts, received_at) < until AND ts IS NOT NULL) AS told
     GROUP BY rank, cause ORDER BY rank, cause
$$;
