-- The gaps between two moments, each with its cause, as far as edge and server know; cut off there, split
-- where the cause changes. Causes are known by quarter hours, the edge's counts; those with times of their own
-- (forgotten, thinned, a clock, parked) hold to the second.
--
-- After the causes of sungrow_told_causes and sungrow_slot_causes: what waits at the edge by its newest report
-- is in_transit, or clock_unsynced behind its counts where the edge does not know the time and holds its
-- readings back; what nobody has reported is unknown. Less than a minute of a cause goes with the longer piece
-- beside it, and so do the last five minutes of which no report can have come yet with what was before them.
CREATE OR REPLACE FUNCTION sungrow_gap_list(of_device text, first timestamptz, until timestamptz,
                                            of_kind text DEFAULT 'sample')
RETURNS TABLE (from_ts timestamptz, to_ts timestamptz, cause text, duration_s double precision, running boolean)
LANGUAGE plpgsql STABLE
SET jit = off -- to compile these plans takes seconds, to run them milliseconds
AS $$
#variable_conflict use_column
DECLARE
    dark tstzmultirange := CASE of_kind WHEN 'p1' THEN p1_dark(of_device, first, until)
                                        ELSE sungrow_dark(of_device, first, until) END;
    causes text[] := '{}';
    parts tstzmultirange[] := '{}';
    said record;
    found record;
BEGIN
    IF isempty(dark) THEN RETURN; END IF;
    FOR found IN SELECT * FROM sungrow_told_causes(of_device, lower(dark), upper(dark), of_kind) LOOP
        causes := causes || found.cause;
        parts := parts || (dark * found.spans);
        dark := dark - found.spans;
    END LOOP;
    FOR found IN SELECT * FROM sungrow_slot_causes(of_device, dark, of_kind) LOOP
        causes := causes || found.cause;
        parts := parts || (dark * found.spans);
        dark := dark - found.spans;
    END LOOP;
    SELECT * INTO said FROM sungrow_reported(of_device, of_kind);
    IF said.waiting > 0 AND said.clock = 'unknown' THEN
        causes := causes || 'clock_unsynced'::text;
        parts := parts || (dark * tstzmultirange(tstzrange(said.known_until, said.received_at)));
        dark := dark - tstzmultirange(tstzrange(said.known_until, said.received_at));
    END IF;
    IF said.waiting > 0 THEN
        causes := causes || 'in_transit'::text;
        parts := parts || (dark * tstzmultirange(tstzrange(said.oldest_unsent_ts, said.received_at)));
        dark := dark - tstzmultirange(tstzrange(said.oldest_unsent_ts, said.received_at));
    END IF;
    causes := causes || 'unknown'::text;
    parts := parts || dark;
    RETURN QUERY
    WITH piece AS (
        SELECT cause, span, upper(span) - lower(span) AS length
          FROM unnest(causes, parts) AS p (cause, part) CROSS JOIN unnest(part) AS span
    ), beside AS (
        SELECT cause, span, length,
               CASE WHEN lag(upper(span)) OVER by_time = lower(span) THEN lag(cause) OVER by_time END AS cause_before,
               CASE WHEN lag(upper(span)) OVER by_time = lower(span) THEN lag(length) OVER by_time END AS before,
               CASE WHEN lead(lower(span)) OVER by_time = upper(span) THEN lead(cause) OVER by_time END AS cause_after,
               CASE WHEN lead(lower(span)) OVER by_time = upper(span) THEN lead(length) OVER by_time END AS after
          FROM piece WINDOW by_time AS (ORDER BY span)
    ), whole AS (
        SELECT CASE WHEN length >= interval '1 minute' THEN cause
                    WHEN after > before OR before IS NULL THEN coalesce(cause_after, cause)
                    ELSE cause_before END AS cause, span
          FROM beside
    ), merged AS (
        SELECT cause, span FROM (SELECT cause, range_agg(span) AS spans FROM whole GROUP BY cause) AS w
         CROSS JOIN unnest(spans) AS span
    ), ended AS (
        SELECT CASE WHEN cause = 'unknown' AND upper(span) = now() AND upper(span) - lower(span) < interval '5 minutes'
                     AND lag(upper(span)) OVER by_time = lower(span)
                    THEN lag(cause) OVER by_time ELSE cause END AS cause, span
          FROM merged WINDOW by_time AS (ORDER BY span)
    )
    SELECT lower(span), upper(span), cause,
           extract(epoch FROM upper(span) - lower(span))::double precision, upper(span) = now()
      FROM (SELECT cause, range_agg(span) AS spans FROM ended GROUP BY cause) AS e
     CROSS JOIN unnest(spans) AS span ORDER BY 1;
END
$$;
COMMENT ON FUNCTION sungrow_gap_list IS 'Times for which a device has no readings of a kind (sample, p1), between two moments, each with its cause; running: up to now.';
