-- What became of the readings of one kind (sample, p1) of each local day of one device from first_day to last_day.
-- expected: the polls that the part of the day that is over has room for, at the interval of its readings. Nobody
-- polls before the edge is there: of its first day, expected counts from its first reading on, or from the end of the
-- first quarter hour of which it reported polls; of the days before, nothing is expected. polled and failed: as the
-- edge reported, which knows why. covered: of the grid meter alone, the share of that part of the day that is within
-- 60 seconds after a reading; where its readings have no numbers (other edges send none), nothing else tells.
--
-- All days in one go: day by day, a year takes seconds where readings were lost.
CREATE OR REPLACE FUNCTION sungrow_completeness_days(of_device text, first_day date, last_day date, of_kind text)
RETURNS TABLE (day date, expected bigint, polled bigint, failed bigint, failed_reasons jsonb,
               stored bigint, parked bigint, thinned bigint, forgotten bigint,
               in_transit bigint, lost bigint, covered double precision)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    midnights timestamptz[] := ARRAY(SELECT sungrow_midnight(first_day + number, zone)
                                       FROM generate_series(0, last_day - first_day + 1) AS number ORDER BY number);
    starts timestamptz := midnights[1];
    ends timestamptz := midnights[cardinality(midnights)];
    first_reading timestamptz;
    first_report timestamptz := (SELECT slot + interval '15 minutes' FROM sungrow_reports
                                  WHERE device_id = of_device AND kind = of_kind ORDER BY slot LIMIT 1);
    dark tstzmultirange;
BEGIN
    IF of_kind = 'p1' THEN
        SELECT first_ts INTO first_reading FROM p1_local_daily WHERE device_id = of_device ORDER BY bucket LIMIT 1;
        dark := p1_dark(of_device, greatest(starts, first_reading), least(ends, now()));
    ELSE
        SELECT first_ts INTO first_reading FROM sungrow_local_daily WHERE device_id = of_device ORDER BY bucket LIMIT 1;
    END IF;
    RETURN QUERY
    WITH day AS MATERIALIZED (
        SELECT number AS part, first_day + number - 1 AS day, midnights[number] AS first,
               midnights[number + 1] AS until, least(midnights[number + 1], now()) AS over
          FROM generate_series(1, cardinality(midnights) - 1) AS number
    ), daily AS MATERIALIZED (
        SELECT bucket AS day, sample_count AS stored, covered_s / sample_count AS interval_s FROM sungrow_local_daily
         WHERE of_kind <> 'p1' AND device_id = of_device AND bucket BETWEEN first_day AND last_day
        UNION ALL
        SELECT bucket, sample_count, covered_s / sample_count FROM p1_local_daily
         WHERE of_kind = 'p1' AND device_id = of_device AND bucket BETWEEN first_day AND last_day
    ), report AS MATERIALIZED (
        SELECT width_bucket(slot, midnights) AS part, polled, failed FROM sungrow_reports
         WHERE device_id = of_device AND kind = of_kind AND slot >= starts AND slot < ends
    ), poll AS (
        SELECT part, sum(polled) AS polled FROM report GROUP BY part
    ), failure AS (
        SELECT part, sum(count) AS failed, jsonb_object_agg(reason, count) AS reasons
          FROM (SELECT part, key AS reason, sum(value::bigint) AS count
                  FROM report, jsonb_each_text(failed) WHERE failed <> '{}' GROUP BY 1, 2) AS reasons
         GROUP BY part
    ), parked AS ( -- One that was parked, mended and released is among the stored ones.
        SELECT width_bucket(coalesce(ts, received_at), midnights) AS part, count(*) AS parked FROM sungrow_parked p
         WHERE device_id = of_device AND kind = of_kind AND coalesce(ts, received_at) >= starts
           AND coalesce(ts, received_at) < ends
           AND NOT EXISTS (SELECT FROM sungrow_seqs s
                            WHERE s.device_id = of_device AND s.kind = of_kind AND s.boot = p.boot AND s.seqs @> p.seq
                              AND s.slot = sungrow_slot(p.ts))
         GROUP BY 1
    ), dark_piece AS (
        SELECT part, least(upper(piece), until) - greatest(lower(piece), first) AS length
          FROM unnest(dark) AS piece
         CROSS JOIN generate_series(greatest(width_bucket(lower(piece), midnights), 1),
                                    least(width_bucket(upper(piece), midnights), cardinality(midnights) - 1)) AS part
          JOIN day USING (part)
    ), dark_day AS (
        SELECT part, sum(extract(epoch FROM length)) AS dark_s FROM dark_piece GROUP BY part
    )
    SELECT day,
           -- least() and greatest() leave out what is null: of a device that was never heard of.
           floor(greatest(extract(epoch FROM over - greatest(first, least(
                     first_reading - make_interval(secs => coalesce(interval_s, 5)), first_report))), 0)
                 / coalesce(interval_s, 5) + 1e-6)::bigint,
           coalesce(polled, 0)::bigint, coalesce(failed, 0)::bigint, coalesce(reasons, '{}'), coalesce(stored, 0),
           coalesce(parked, 0), thinned, forgotten, in_transit, lost,
           CASE WHEN of_kind = 'p1' AND now() > first THEN CASE WHEN first_reading IS NULL THEN 0 ELSE
               greatest(extract(epoch FROM over - greatest(first, first_reading)) - coalesce(dark_s, 0), 0)
               / nullif(extract(epoch FROM over - first), 0) END END::double precision
      FROM day LEFT JOIN daily USING (day) LEFT JOIN poll USING (part) LEFT JOIN failure USING (part)
      LEFT JOIN parked USING (part) LEFT JOIN dark_day USING (part)
      JOIN sungrow_missing_between(of_device, midnights, of_kind) USING (part)
     ORDER BY day;
END
$$;
COMMENT ON FUNCTION sungrow_completeness_days IS 'What became of the readings of a kind (sample, p1) of a device, a row a local day.';
