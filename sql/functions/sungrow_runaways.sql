-- The local days of some counters that sungrow_daily_energy leaves out, from first on and before until. Nothing
-- is read but these days, and their five minutes where they are doubtful.
CREATE OR REPLACE FUNCTION sungrow_runaways(of_device text, low date, high date, limits_kw double precision[],
                                 replaced timestamptz[], zone text)
RETURNS TABLE (counter int, first timestamptz, until timestamptz) LANGUAGE sql STABLE AS $$
    SELECT counter, sungrow_midnight(day, zone), sungrow_midnight(day + 1, zone)
      FROM sungrow_counter_days(of_device, low, high, limits_kw, replaced) AS counted
      JOIN sungrow_local_daily AS daily ON daily.device_id = of_device AND daily.bucket = day
     CROSS JOIN LATERAL (
           SELECT sum(kwh) AS kwh, sum(power_kwh) AS power_kwh
             FROM sungrow_close_steps(of_device, ARRAY[counted.counter], counted.first_ts, counted.last_ts,
                                      limits_kw, replaced)
            WHERE NOT is_break AND power_kwh IS NOT NULL OFFSET 0) AS both_known
     WHERE is_doubtful AND kwh > 0 AND sungrow_disagree(kwh, power_kwh)
       AND sungrow_judges((sungrow_known_s(covered_s, gridless_s, sample_count,
                                           battery_power_w_count))[counter], covered_s, day, zone)
$$;
