-- Energy of each local day of a house, in kWh, import and export by its grid (P1) meter where that reports the whole
-- day; on other days as sungrow_daily_energy has it, with the integrals of what was measured. The house's use of a day
-- is the balance of the counters, else the integral of the samples that have a reading of the grid meter beside them,
-- else that of the inverter's own meter. jit and plan: as in sungrow_daily_energy.
CREATE OR REPLACE FUNCTION sungrow_house_days(of_device text, first date, until date)
RETURNS TABLE (day date, import_p1_kwh double precision, export_p1_kwh double precision,
               gas_m3 double precision, water_m3 double precision,
               import_kwh double precision, export_kwh double precision, load_counter_kwh double precision,
               load_integral_kwh double precision, import_integral_kwh double precision,
               export_integral_kwh double precision, pv_kwh double precision,
               battery_charge_kwh double precision, battery_discharge_kwh double precision,
               paired_count bigint, has_own boolean, estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    midnights timestamptz[] := ARRAY(
        SELECT sungrow_midnight(day::date, zone)
          FROM generate_series(first::timestamp, until::timestamp, '1 day') AS day ORDER BY 1);
BEGIN
    RETURN QUERY
    WITH house AS MATERIALIZED (
        SELECT bucket AS day, date_trunc('month', bucket::timestamp) AS month, h.*,
               solar_to_house_kwh + solar_to_battery_kwh + solar_to_grid_kwh + battery_to_house_kwh
                   + battery_to_grid_kwh + grid_to_house_kwh + grid_to_battery_kwh + loss_kwh AS sources_kwh
          FROM sungrow_house_daily AS h
         WHERE device_id = of_device AND paired_count > 0
           AND bucket >= date_trunc('month', first::timestamp)::date
           AND bucket < (date_trunc('month', (until - 1)::timestamp) + interval '1 month')::date
    ), month AS (
        SELECT month, coalesce(sungrow_ratio(sum(loss_kwh), sum(sources_kwh)), 0) AS loss_share
          FROM house GROUP BY month
    ), known AS (
        SELECT day, pv_counter_kwh, import_counter_kwh, export_counter_kwh, battery_charge_counter_kwh,
               battery_discharge_counter_kwh, load_counter_kwh, i.estimated, sources_estimated, p.import_kwh AS import_p1_kwh, p.export_kwh AS export_p1_kwh, p.estimated AS p1_estimated,
               gas_m3, water_m3,
               d.pv_integral_kwh, d.covered_s AS polled_s,
               CASE WHEN NOT coalesce(undecided, false) THEN coalesce(d.battery_charge_integral_kwh, 0) END
                   AS charge_integral_kwh,
               CASE WHEN NOT coalesce(undecided, false) THEN coalesce(d.battery_discharge_integral_kwh, 0) END
                   AS discharge_integral_kwh,
               coalesce(battery_charge_counter_kwh, CASE WHEN tells_of_battery THEN d.battery_charge_integral_kwh END)
                   AS battery_charge_kwh,
               coalesce(battery_discharge_counter_kwh,
                        CASE WHEN tells_of_battery THEN d.battery_discharge_integral_kwh END) AS battery_discharge_kwh,
               d.sample_count - d.load_power_w_nulls - coalesce(h.metered_count, 0) AS own_count,
               h.paired_count, h.covered_s AS paired_s, h.loss_kwh, h.sources_kwh,
               coalesce(h.load_integral_kwh, d.load_integral_kwh) AS load_integral_kwh,
               coalesce(h.import_integral_kwh, d.import_integral_kwh) AS import_integral_kwh,
               coalesce(h.export_integral_kwh, d.export_integral_kwh) AS export_integral_kwh,
               date_trunc('month', day::timestamp) AS month
          FROM sungrow_daily_energy(of_device, first, until) AS i
          FULL JOIN (SELECT *, (starts AT TIME ZONE zone)::date AS day
                       FROM sungrow_house_grid(of_device, midnights, true)
                      WHERE num_nonnulls(import_kwh, gas_m3, water_m3) > 0) AS p USING (day)
          LEFT JOIN (SELECT *, bucket AS day,
                            battery_soc_pct_count - battery_power_w_count > 0.1 * sample_count AS undecided,
                            battery_power_w_count > 0 OR battery_soc_pct_count < sample_count AS tells_of_battery
                       FROM sungrow_local_daily
                      WHERE device_id = of_device AND bucket >= first AND bucket < until) AS d USING (day)
          LEFT JOIN house AS h USING (day)
    ), balanced AS ( -- OFFSET 0: so that the balance is computed once
        SELECT *, CASE WHEN import_p1_kwh IS NOT NULL
                       THEN sungrow_load(sungrow_or_little(pv_counter_kwh, pv_integral_kwh, 0.5),
                                         import_p1_kwh, export_p1_kwh,
                                         sungrow_or_little(battery_charge_counter_kwh, charge_integral_kwh, 0.5),
                                         sungrow_or_little(battery_discharge_counter_kwh, discharge_integral_kwh, 0.5),
                                         coalesce(loss_kwh, 0), coalesce(sources_kwh, 0), coalesce(loss_share, 0))
                       ELSE load_counter_kwh END AS balance_kwh
          FROM known LEFT JOIN month USING (month) OFFSET 0
    )
    SELECT day, import_p1_kwh, export_p1_kwh, gas_m3, water_m3,
           coalesce(import_p1_kwh, import_counter_kwh, import_integral_kwh),
           coalesce(export_p1_kwh, export_counter_kwh, export_integral_kwh),
           CASE WHEN balance_kwh >= 0 OR load_integral_kwh < 0 THEN balance_kwh END,
           load_integral_kwh, import_integral_kwh, export_integral_kwh, coalesce(pv_counter_kwh, pv_integral_kwh),
           battery_charge_kwh, battery_discharge_kwh, coalesce(paired_count, 0),
           coalesce(own_count > 0, false)
               OR (import_p1_kwh IS NULL AND import_counter_kwh IS NOT NULL AND paired_count IS NULL),
           CASE WHEN import_p1_kwh IS NULL AND paired_count IS NULL THEN coalesce(estimated, false)
                ELSE coalesce(p1_estimated, true) OR coalesce(sources_estimated, false)
                     OR coalesce(paired_s, 0) < 0.9 * coalesce(polled_s, 0)
                     OR coalesce(balance_kwh < -0.3 AND load_integral_kwh >= 0, false) END
      FROM balanced
     ORDER BY day;
END
$$;
