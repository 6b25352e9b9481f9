-- The five minutes of a house as the estimator of its battery takes them (server/battery/rows.py): means, the lifetime
-- counters at both ends, energies. What rests on the grid is that of the grid (P1) meter where there are pairs.
CREATE OR REPLACE FUNCTION sungrow_battery_fine(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (bucket timestamptz, covered_s double precision,
    soc_mean_pct double precision, soc_min_pct double precision, soc_max_pct double precision,
    battery_mean_w double precision, battery_min_w double precision, battery_max_w double precision,
    charge_kwh double precision, discharge_kwh double precision,
    counters_first sungrow_counters, counters_last sungrow_counters,
    pv_kwh double precision, load_kwh double precision, import_kwh double precision, export_kwh double precision,
    solar_to_battery_kwh double precision, grid_to_battery_kwh double precision,
    battery_to_house_kwh double precision, battery_to_grid_kwh double precision)
LANGUAGE sql STABLE AS $$
    SELECT f.bucket, f.covered_s, f.battery_soc_pct_sum / nullif(f.battery_soc_pct_count, 0),
           f.battery_soc_pct_min, f.battery_soc_pct_max,
           f.battery_power_w_sum / nullif(f.battery_power_w_count, 0), f.battery_power_w_min, f.battery_power_w_max,
           f.battery_charge_integral_kwh, f.battery_discharge_integral_kwh, f.counters_first, f.counters_last,
           f.pv_integral_kwh,
           CASE WHEN p.bucket IS NULL THEN f.load_integral_kwh ELSE p.load_integral_kwh END,
           CASE WHEN p.bucket IS NULL THEN f.import_integral_kwh ELSE p.import_integral_kwh END,
           CASE WHEN p.bucket IS NULL THEN f.export_integral_kwh ELSE p.export_integral_kwh END,
           CASE WHEN p.bucket IS NOT NULL THEN p.solar_to_battery_kwh WHEN f.flow_count > 0 THEN f.solar_to_battery_kwh END,
           CASE WHEN p.bucket IS NOT NULL THEN p.grid_to_battery_kwh WHEN f.flow_count > 0 THEN f.grid_to_battery_kwh END,
           CASE WHEN p.bucket IS NOT NULL THEN p.battery_to_house_kwh WHEN f.flow_count > 0 THEN f.battery_to_house_kwh END,
           CASE WHEN p.bucket IS NOT NULL THEN p.battery_to_grid_kwh WHEN f.flow_count > 0 THEN f.battery_to_grid_kwh END
      FROM sungrow_5min AS f
      LEFT JOIN (SELECT * FROM sungrow_house_5min AS h
                  WHERE h.device_id = of_device AND h.bucket >= $2 AND h.bucket < $3 AND h.paired_count > 0) AS p
             ON p.bucket = f.bucket
     WHERE f.device_id = of_device AND f.bucket >= $2 AND f.bucket < $3
$$;
COMMENT ON FUNCTION sungrow_battery_fine IS 'The five minutes of a house as the estimator of its battery takes them, from a moment on and before another.';
