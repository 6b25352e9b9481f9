-- Gaps and their causes: the time that no reading stands for, and why, as far as edge and server know.
--
-- A gap lies between two readings that are more than a minute apart, and more than two and a half of
-- their intervals; it begins when the interval of the one before is over. So the odd poll that failed
-- makes none: coverage tells of those. What is yet to come after the newest reading is a gap too, the
-- time before the first one is not. Causes are known by quarter hours, the edge's counts; those with
-- times of their own (forgotten, thinned, a clock, parked) hold to the second.

-- The gaps of a device between two moments. A rollup row tells whether its five minutes can have one
-- inside; only then its samples are read. Where they are gone, all of the row's missing time counts as
-- one gap at its end.
CREATE FUNCTION sungrow_dark(of_device text, first timestamptz, until timestamptz)
RETURNS tstzmultirange LANGUAGE sql STABLE AS $$
    WITH five_minutes AS MATERIALIZED (
        SELECT bucket, last_ts, covered_s, covered_s / sample_count AS step_s,
               greatest(60, 2.5 * covered_s / sample_count) AS most_s,
               extract(epoch FROM last_ts - first_ts) + covered_s / sample_count AS span_s,
               lead(first_ts, 1, now()) OVER (ORDER BY bucket) AS next_ts
          FROM sungrow_5min
         WHERE device_id = of_device -- and from the row before to the row behind
           AND bucket >= coalesce((SELECT max(bucket) FROM sungrow_5min WHERE device_id = of_device
                                      AND bucket < date_bin('5 minutes', first, '2000-01-01 00:00Z')),
                                  date_bin('5 minutes', first, '2000-01-01 00:00Z'))
           AND bucket <= coalesce((SELECT min(bucket) FROM sungrow_5min WHERE device_id = of_device
                                      AND bucket >= until), until)
    ), doubtful AS MATERIALIZED (
        SELECT *, span_s - covered_s AS missing_s FROM five_minutes
         WHERE span_s - covered_s > most_s - step_s - 0.01
            OR covered_s > span_s + 2 * step_s -- a clock that was set back covered some of it twice
    ), read AS MATERIALIZED (
        SELECT d.most_s, d.missing_s, d.last_ts, s.*
          FROM doubtful d LEFT JOIN LATERAL (
            SELECT ts, interval_s, lead(ts) OVER (ORDER BY ts) AS next_ts FROM sungrow_samples
             WHERE device_id = of_device AND ts >= d.bucket AND ts < d.bucket + interval '5 minutes'
          ) AS s ON true
    ), gap (from_ts, to_ts) AS (
        SELECT last_ts + step_s * interval '1 second', next_ts FROM five_minutes
         WHERE extract(epoch FROM next_ts - last_ts) > most_s
        UNION ALL
        SELECT ts + interval_s * interval '1 second', next_ts FROM read
         WHERE extract(epoch FROM next_ts - ts) > most_s AND extract(epoch FROM next_ts - ts) > interval_s
        UNION ALL
        SELECT last_ts - missing_s * interval '1 second', last_ts FROM read
         WHERE ts IS NULL AND missing_s > 0
    )
    SELECT coalesce(range_agg(tstzrange(from_ts, to_ts) * tstzrange(first, greatest(first, least(until, now())))), '{}')
      FROM gap
$$;

-- What the edge's reports say as a whole. They come oldest first, and the running quarter hour only when
-- none before it is left out: so everything up to known_until is counted, and where there is no count no
-- poll was. step_s is the interval of the newest readings.
CREATE FUNCTION sungrow_reported(of_device text, OUT known_from timestamptz, OUT known_until timestamptz,
    OUT received_at timestamptz, OUT waiting integer, OUT oldest_unsent_ts timestamptz, OUT clock text,
    OUT step_s double precision)
LANGUAGE sql STABLE AS $$
    SELECT (SELECT min(slot) FROM sungrow_reports WHERE device_id = of_device),
           greatest(least(n.slot + interval '15 minutes', n.received_at),
                    (SELECT least(slot + interval '15 minutes', received_at) FROM sungrow_reports
                      WHERE device_id = of_device ORDER BY slot DESC LIMIT 1)),
           n.received_at, n.waiting,
           -- A clock that ran ahead may have left readings of any time.
           CASE WHEN n.oldest_unsent_ts <= n.received_at THEN n.oldest_unsent_ts ELSE '-infinity' END,
           n.clock,
           coalesce((SELECT covered_s / sample_count FROM sungrow_5min
                      WHERE device_id = of_device ORDER BY bucket DESC LIMIT 1), 5)
      FROM (VALUES (1)) AS always
      LEFT JOIN LATERAL (SELECT * FROM sungrow_reports WHERE device_id = of_device
                          ORDER BY received_at DESC, slot DESC LIMIT 1) AS n ON true
$$;

-- Causes that come with times of their own, the first that holds first: forgotten by server.forget;
-- what the edge says in a gap record (thinned; a time that was skipped when the clock was set); parked.
CREATE FUNCTION sungrow_told_causes(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (cause text, spans tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT cause, range_agg(span) FROM (
        SELECT 1 AS rank, 'forgotten' AS cause, tstzrange(from_ts, to_ts) AS span
          FROM sungrow_forgotten WHERE device_id = of_device AND from_ts < until AND to_ts > first
        UNION ALL
        SELECT 2, CASE cause WHEN 'clock_step' THEN 'clock_unsynced' ELSE cause END,
               -- These and the parked are moments of polls; each stands for time around it.
               tstzrange(from_ts - interval '30 seconds', to_ts + interval '30 seconds')
          FROM sungrow_gaps
         WHERE device_id = of_device AND from_ts < until AND to_ts > first AND from_ts <= to_ts
           AND cause IN ('thinned', 'clock_step', 'clock_unsynced', 'inverter_off', 'dongle_silent', 'edge_down')
        UNION ALL
        SELECT 3, 'parked', tstzrange(ts - interval '30 seconds', ts + interval '30 seconds')
          FROM sungrow_parked
         WHERE device_id = of_device AND coalesce(ts, received_at) > first
           AND coalesce(ts, received_at) < until AND ts IS NOT NULL) AS told
     GROUP BY rank, cause ORDER BY rank, cause
$$;

-- Which cause the reason of a failed poll stands for. An exception comes from a dongle that cannot reach
-- its inverter; a dongle that holds nothing but zeros has none to ask.
CREATE FUNCTION sungrow_failure_cause(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN reason = 'inverter_off' OR reason LIKE 'exception%' THEN 'inverter_off'
                WHEN reason = 'locked' THEN 'edge_down' -- it was another command's turn at the dongle
                ELSE 'dongle_silent' END
$$;

-- The cause of what is missing in each quarter hour, the first that holds:
-- 1. Failed polls that can fill it, each with the two minutes at most to the next one (their pauses grow
--    to 90 s): what most of them failed of.
-- 2. Readings that were taken and are neither stored nor parked, by the counts or, where there are none,
--    by their numbers, enough for half of it: in_transit while readings as old wait at the edge, else
--    unknown (completeness says that they are lost).
-- 3. edge_down where every poll is counted: too few were made.
-- Beyond what is reported there is none.
CREATE FUNCTION sungrow_slot_causes(of_device text, dark tstzmultirange)
RETURNS TABLE (cause text, spans tstzmultirange) LANGUAGE sql STABLE AS $$
    WITH said AS MATERIALIZED (
        SELECT * FROM sungrow_reported(of_device)
    ), dark_slot AS MATERIALIZED (
        SELECT slot, slot + interval '15 minutes' AS ends,
               sum(extract(epoch FROM least(upper(d), slot + interval '15 minutes', known_until)
                                      - greatest(lower(d), slot))) AS missing_s
          FROM said CROSS JOIN unnest(dark) AS d
         CROSS JOIN generate_series(sungrow_slot(lower(d)), least(upper(d), known_until), '15 minutes') AS slot
         WHERE slot < upper(d) GROUP BY slot
    ), counted AS MATERIALIZED (
        SELECT slot, ends, missing_s, polled, failed, cause,
               polled - coalesce(failed, 0)
               - (SELECT coalesce(sum(sample_count), 0) FROM sungrow_5min
                   WHERE device_id = of_device AND bucket >= slot AND bucket < ends)
               - (SELECT count(*) FROM sungrow_parked
                   WHERE device_id = of_device AND coalesce(ts, received_at) >= slot
                     AND coalesce(ts, received_at) < ends) AS not_here
          FROM dark_slot AS d
         CROSS JOIN LATERAL (SELECT sum(polled) AS polled FROM sungrow_reports r
                              WHERE device_id = of_device AND r.slot = d.slot) AS polls
         CROSS JOIN LATERAL (
            SELECT sum(count) AS failed, (array_agg(cause ORDER BY count DESC, cause))[1] AS cause
              FROM (SELECT sungrow_failure_cause(key) AS cause, sum(value::bigint) AS count
                      FROM sungrow_reports r CROSS JOIN jsonb_each_text(failed)
                     WHERE device_id = of_device AND r.slot = d.slot GROUP BY 1) AS reasons) AS failing
    ), hole AS (
        SELECT least(slot_before, slot_after) AS begins,
               greatest(slot_before, slot_after) + interval '15 minutes' AS ends,
               (SELECT sum(upper(part) - lower(part)) FROM unnest(seqs) AS part) * step_s AS missing_s
          FROM said CROSS JOIN sungrow_holes(of_device, sungrow_slot(lower(dark)), upper(dark))
         WHERE EXISTS (SELECT FROM counted WHERE polled IS NULL)
    ), numbers AS MATERIALIZED (
        SELECT coalesce(range_agg(tstzrange(begins, ends)), '{}') AS missing FROM hole
         WHERE missing_s >= 60 AND 2 * missing_s >= extract(epoch FROM ends - begins - interval '30 minutes')
    ), caused AS (
        SELECT slot, least(ends, known_until) AS ends,
               CASE WHEN failed > 0 AND (failed + 1) * greatest(120, 2 * step_s) >= missing_s
                    THEN cause
                    WHEN not_here > 0 AND not_here * 2 * step_s >= missing_s
                      OR polled IS NULL AND slot <@ missing
                    THEN CASE WHEN waiting > 0 AND oldest_unsent_ts < ends THEN 'in_transit' ELSE 'unknown' END
                    WHEN slot >= known_from THEN 'edge_down' END AS cause
          FROM counted CROSS JOIN numbers CROSS JOIN said
    )
    SELECT cause, range_agg(tstzrange(slot, ends)) FROM caused
     WHERE cause IS NOT NULL AND slot < ends GROUP BY cause
$$;

-- The gaps between two moments, cut off there, split where the cause changes. After the causes above:
-- what waits at the edge by its newest report is in_transit, or clock_unsynced behind its counts where
-- the edge does not know the time and holds its readings back; what nobody has told of is unknown.
-- Less than a minute of a cause goes with the longer piece beside it, and so do the last five minutes
-- of which no report can have come yet with what was before them.
CREATE FUNCTION sungrow_gap_list(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (from_ts timestamptz, to_ts timestamptz, cause text, duration_s double precision, running boolean)
LANGUAGE plpgsql STABLE
SET jit = off -- to compile these plans takes seconds, to run them milliseconds
AS $$
#variable_conflict use_column
DECLARE
    dark tstzmultirange := sungrow_dark(of_device, first, until);
    causes text[] := '{}';
    parts tstzmultirange[] := '{}';
    said record;
    found record;
BEGIN
    IF isempty(dark) THEN RETURN; END IF;
    FOR found IN SELECT * FROM sungrow_told_causes(of_device, lower(dark), upper(dark)) LOOP
        causes := causes || found.cause;
        parts := parts || (dark * found.spans);
        dark := dark - found.spans;
    END LOOP;
    FOR found IN SELECT * FROM sungrow_slot_causes(of_device, dark) LOOP
        causes := causes || found.cause;
        parts := parts || (dark * found.spans);
        dark := dark - found.spans;
    END LOOP;
    SELECT * INTO said FROM sungrow_reported(of_device);
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
COMMENT ON FUNCTION sungrow_gap_list IS 'Times for which a device has no readings, between two moments, each with its cause; running: up to now.';
