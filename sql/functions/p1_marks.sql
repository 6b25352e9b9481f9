-- What one counter (import, export, gas, water) had counted at some rising moments: between the readings around
-- each, in even steps; the first reading's before it, the last one's after it. The difference of two moments is the
-- energy between them, whatever is missing, so sums telescope.
--
-- before_s and after_s: how far the readings around it are; null: there is none. breaks_ended and breaks_begun: steps
-- that no counter makes, counted up to the moment; a time has none if it begins after all that had begun by its end
-- have ended. Moments are midnights where by_day says so, else starts of five minutes.
CREATE OR REPLACE FUNCTION p1_marks(of_device text, of_counter text, moments timestamptz[], by_day boolean DEFAULT false)
RETURNS TABLE (moment timestamptz, counted double precision, before_s double precision, after_s double precision,
               breaks_ended bigint, breaks_begun bigint, is_after_first boolean, is_before_last boolean)
LANGUAGE sql STABLE SET jit = off AS $$
    WITH good AS MATERIALIZED (
        SELECT row_number() OVER by_time AS number, ts, counted, lead(ts) OVER by_time AS next_ts,
               lead(counted) OVER by_time AS next_counted,
               coalesce(sum(is_break::int) OVER by_time, 0) AS ended,
               coalesce(sum(is_break::int) OVER by_time, 0)
                   + coalesce(lead(is_break::int) OVER by_time, 0) AS begun
          FROM p1_good(of_device, of_counter, moments[1], moments[cardinality(moments)], by_day)
        WINDOW by_time AS (ORDER BY ts)
    ), placed AS (
        SELECT at, is_moment, max(number) OVER (ORDER BY at, is_moment) AS number
          FROM (SELECT ts AS at, false AS is_moment, number FROM good
                UNION ALL SELECT unnest(moments), true, NULL) AS both_kinds
    ), ends AS (
        SELECT min(ts) AS first_ts, max(ts) AS last_ts,
               (SELECT counted FROM good ORDER BY number LIMIT 1) AS first_counted FROM good
    )
    SELECT at,
           CASE WHEN ts IS NULL THEN first_counted
                WHEN at = ts OR next_ts IS NULL THEN counted
                ELSE counted + (next_counted - counted) * (date_part('epoch', at - ts)
                                                           / date_part('epoch', next_ts - ts)) END,
           date_part('epoch', at - ts),
           CASE WHEN at = ts THEN 0
                WHEN ts IS NULL THEN date_part('epoch', first_ts - at)
                ELSE date_part('epoch', next_ts - at) END,
           coalesce(ended, 0), CASE WHEN at > ts THEN begun ELSE coalesce(ended, 0) END,
           at > first_ts, at < last_ts
      FROM placed LEFT JOIN good USING (number) CROSS JOIN ends
     WHERE is_moment ORDER BY at
$$;
COMMENT ON FUNCTION p1_marks IS 'What a counter of a grid meter (import, export, gas, water) had counted at some moments, and how far the readings around each are.';
