-- A house's weeks are chunks on TimescaleDB, and whoever asks for samples without saying of which weeks has all of
-- them planned: 0.15 ms each, a tenth of a second after ten years. So these two say it, in plans that are made
-- anew each time, since only such a plan knows which chunks it can do without.

-- The newest sample of a device up to a moment; the rollup knows in which five minutes it is. Where that sample
-- is gone, as after a deletion by hand, all of them are looked at.
CREATE FUNCTION sungrow_newest_sample(of_device text, latest timestamptz) RETURNS SETOF sungrow_samples
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    since timestamptz := (SELECT bucket FROM sungrow_5min WHERE device_id = of_device AND first_ts <= latest
                           ORDER BY bucket DESC LIMIT 1);
BEGIN
    RETURN QUERY SELECT * FROM sungrow_samples
                  WHERE device_id = of_device AND ts >= since AND ts <= latest ORDER BY ts DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM sungrow_samples
                      WHERE device_id = of_device AND ts <= latest ORDER BY ts DESC LIMIT 1;
    END IF;
END
$$;
COMMENT ON FUNCTION sungrow_newest_sample IS 'The newest sample of a device up to a moment; none, or one.';

-- As 0008 has it, and with the range in which the samples that it reads lie.
CREATE OR REPLACE FUNCTION sungrow_dark(of_device text, first timestamptz, until timestamptz)
RETURNS tstzmultirange LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN (
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
                   -- Nothing more: what these two leave out lies before first, or behind until.
                   AND ts >= first - interval '5 minutes' AND ts < until + interval '5 minutes'
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
    );
END
$$;
