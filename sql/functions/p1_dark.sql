-- The gaps of a grid meter between two moments: the time that is more than 60 seconds after a reading. What is
-- yet to come after the newest reading is a gap too, the time before the first one is not.
--
-- As in sungrow_dark, a rollup row tells whether its five minutes can have one inside, only then its readings are
-- read; where they are gone, all that is missing counts as one gap before the row's last reading.
CREATE OR REPLACE FUNCTION p1_dark(of_device text, first timestamptz, until timestamptz)
RETURNS tstzmultirange LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN (
        WITH beside AS MATERIALIZED (
            SELECT bucket, first_ts, last_ts, covered_s, lag(last_ts) OVER by_time AS before_ts,
                   lead(first_ts, 1, now()) OVER by_time AS next_ts
              FROM p1_5min
             WHERE device_id = of_device -- and from the row before to the row behind
               AND bucket >= coalesce((SELECT max(bucket) FROM p1_5min WHERE device_id = of_device
                                          AND bucket < date_bin('5 minutes', first, '2000-01-01 00:00Z')),
                                      date_bin('5 minutes', first, '2000-01-01 00:00Z'))
               AND bucket <= coalesce((SELECT min(bucket) FROM p1_5min WHERE device_id = of_device
                                          AND bucket >= until), until)
            WINDOW by_time AS (ORDER BY bucket)
        ), five_minutes AS (
            SELECT *, extract(epoch FROM last_ts - first_ts)
                      - (covered_s - least(coalesce(extract(epoch FROM first_ts - before_ts), 60), 60)) AS missing_s
              FROM beside
        ), read AS MATERIALIZED (
            SELECT f.last_ts, f.missing_s, s.ts, s.next_ts
              FROM five_minutes f LEFT JOIN LATERAL (
                SELECT ts, lead(ts) OVER (ORDER BY ts) AS next_ts FROM p1_samples
                 WHERE device_id = of_device AND ts >= f.bucket AND ts < f.bucket + interval '5 minutes'
                   AND ts >= first - interval '5 minutes' AND ts < until + interval '5 minutes') AS s ON true
             WHERE f.missing_s > 0.01
        ), gap (from_ts, to_ts) AS (
            SELECT last_ts + interval '60 seconds', next_ts FROM five_minutes
            UNION ALL
            SELECT ts + interval '60 seconds', next_ts FROM read
            UNION ALL
            SELECT last_ts - missing_s * interval '1 second', last_ts FROM read WHERE ts IS NULL
        )
        SELECT coalesce(range_agg(tstzrange(from_ts, to_ts) * tstzrange(first, greatest(first, least(until, now())))), '{}')
          FROM gap WHERE from_ts < to_ts
    );
END
$$;
