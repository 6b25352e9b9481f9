-- Energy by the counters in each five-minute row that there is: the rise within it, and since the row
-- before where that is at most ten minutes ago. A counter has steps of 0.1 kWh, so this says little of
-- one row, and is exact over many. estimated: a counter fell, jumped or was replaced. One that is left out
-- of a day's energy is left out of its five minutes too. jit and plan: as in sungrow_daily_energy.
CREATE OR REPLACE FUNCTION sungrow_short_energy(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (bucket timestamptz, pv_counter_kwh double precision,
               import_counter_kwh double precision, export_counter_kwh double precision,
               battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    limits_kw float8[] := sungrow_limits_kw(of_device);
    replaced timestamptz[] := sungrow_replaced(of_device);
BEGIN
    RETURN QUERY
    WITH runaway AS MATERIALIZED (
        SELECT * FROM sungrow_runaways(
            of_device, (first AT TIME ZONE zone)::date,
            ((until - interval '1 microsecond') AT TIME ZONE zone)::date + 1, limits_kw, replaced, zone)
    ), believed AS (
        SELECT to_ts, s.counter, CASE WHEN r.counter IS NULL THEN kwh END AS kwh,
               is_break OR r.counter IS NOT NULL AS estimated
          FROM sungrow_close_steps(of_device, '{1,2,3,4,5}', first - interval '15 minutes',
                                   until + interval '10 minutes', limits_kw, replaced) AS s
          LEFT JOIN runaway AS r ON r.counter = s.counter AND to_ts >= r.first AND to_ts < r.until
         WHERE to_ts - from_ts <= interval '10 minutes'
    ), energy AS (
        SELECT date_bin('5 minutes', to_ts, '2000-01-01 00:00Z') AS bucket,
               sum(kwh) FILTER (WHERE counter = 1) AS pv_kwh,
               sum(kwh) FILTER (WHERE counter = 2) AS import_kwh,
               sum(kwh) FILTER (WHERE counter = 3) AS export_kwh,
               sum(kwh) FILTER (WHERE counter = 4) AS charge_kwh,
               sum(kwh) FILTER (WHERE counter = 5) AS discharge_kwh,
               bool_or(estimated) AS estimated
          FROM believed GROUP BY 1
    )
    SELECT bucket, pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh,
           CASE WHEN num_nonnulls(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
                THEN sungrow_load(
                    sungrow_or_little(pv_kwh, pv_integral_kwh, 0.05),
                    sungrow_or_little(import_kwh, import_integral_kwh, 0.05),
                    sungrow_or_little(export_kwh, export_integral_kwh, 0.05),
                    sungrow_or_little(charge_kwh, CASE WHEN battery_power_w_count >= battery_soc_pct_count
                                               THEN battery_charge_integral_kwh END, 0.05),
                    sungrow_or_little(discharge_kwh, CASE WHEN battery_power_w_count >= battery_soc_pct_count
                                               THEN battery_discharge_integral_kwh END, 0.05),
                    loss_kwh, 0, 0) END,
           coalesce(estimated, false)
      FROM sungrow_5min AS here LEFT JOIN energy USING (bucket)
     WHERE device_id = of_device AND bucket >= first AND bucket < until
     ORDER BY bucket;
END
$$;
