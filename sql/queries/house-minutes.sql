-- Called by house/series for minutes of a house with a grid meter, beside series-minutes: what rests on the grid, of the
-- minutes whose samples have a reading of the grid meter beside them. Its counters are too coarse for a minute.
WITH sample AS MATERIALIZED (
    SELECT ts, interval_s, pv_power_w, battery_power_w, battery_soc_pct, inverter_power_w,
           load_power_w IS NOT NULL AND export_power_w IS NOT NULL AS is_metered, load_power_w IS NOT NULL AS has_load,
           keys[width_bucket(ts, keys)] AS key
      FROM (SELECT %(keys)s::timestamptz[] AS keys) AS asked CROSS JOIN sungrow_samples
     WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
), own AS (
    SELECT key, sum(interval_s) AS covered_s, count(*) FILTER (WHERE has_load) AS load_count FROM sample GROUP BY key
)
SELECT key, load_power_w_sum / paired_count AS avg_load_power_w, export_power_w_sum / paired_count AS avg_export_power_w,
       pair.covered_s AS grid_covered_s, load_integral_kwh, import_integral_kwh, export_integral_kwh,
       CASE WHEN flow_count > 0 THEN solar_to_house_kwh END AS solar_to_house_kwh,
       CASE WHEN flow_count > 0 THEN solar_to_battery_kwh END AS solar_to_battery_kwh,
       CASE WHEN flow_count > 0 THEN solar_to_grid_kwh END AS solar_to_grid_kwh,
       CASE WHEN flow_count > 0 THEN battery_to_house_kwh END AS battery_to_house_kwh,
       CASE WHEN flow_count > 0 THEN battery_to_grid_kwh END AS battery_to_grid_kwh,
       CASE WHEN flow_count > 0 THEN grid_to_house_kwh END AS grid_to_house_kwh,
       CASE WHEN flow_count > 0 THEN grid_to_battery_kwh END AS grid_to_battery_kwh,
       CASE WHEN flow_count > 0 THEN loss_kwh END AS loss_kwh,
       NULL AS import_p1_kwh, NULL AS export_p1_kwh, NULL AS gas_m3, NULL AS water_m3, false AS p1_estimated,
       true AS has_p1, load_count > metered_count AS has_own, pair.covered_s < 0.9 * own.covered_s AS is_partly
  FROM sungrow_house_sums(%(device_id)s, ARRAY(
           SELECT ROW(ts, interval_s, pv_power_w, battery_power_w, battery_soc_pct, inverter_power_w, is_metered
                  )::sungrow_house_sample FROM sample),
           sungrow_p1_lag_s(%(device_id)s), width => '1 minute') AS pair
  JOIN own ON key = bucket
