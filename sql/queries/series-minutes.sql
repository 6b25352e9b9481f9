-- Called by api/series for minutes, which no rollup keeps: as series-times, from the samples. The counters say nothing
-- of a minute.
WITH measured AS (
    SELECT keys[width_bucket(ts, keys)] AS key, interval_s, interval_s / 3600 AS hours,
           load_power_w IS NOT NULL AND export_power_w IS NOT NULL AS has_grid,
           sungrow_or_zero(pv_power_w) AS pv_power_w,
           sungrow_or_zero(battery_power_w) AS battery_power_w,
           sungrow_or_zero(battery_soc_pct) AS battery_soc_pct,
           sungrow_or_zero(load_power_w) AS load_power_w,
           sungrow_or_zero(export_power_w) AS export_power_w
      FROM (SELECT %(keys)s::timestamptz[] AS keys) AS asked CROSS JOIN sungrow_samples
     WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s OFFSET 0
), sample AS (
    SELECT *, CASE WHEN has_grid THEN hours END AS grid_hours
      FROM measured
      -- As in sungrow_rollup: no battery counts as 0, an undecidable direction leaves the sample out.
      LEFT JOIN LATERAL sungrow_flows(pv_power_w, coalesce(battery_power_w, 0), load_power_w, export_power_w) AS f
             ON has_grid AND (battery_power_w IS NOT NULL OR battery_soc_pct IS NULL)
), minute AS (
    SELECT key, avg(pv_power_w) AS avg_pv_power_w, max(pv_power_w) AS max_pv_power_w,
           avg(battery_power_w) AS avg_battery_power_w, avg(battery_soc_pct) AS avg_battery_soc_pct,
           avg(load_power_w) AS avg_load_power_w, avg(export_power_w) AS avg_export_power_w,
           count(*) AS sample_count, min(pv_power_w) AS min_pv_power_w,
           min(battery_soc_pct) AS min_battery_soc_pct, max(battery_soc_pct) AS max_battery_soc_pct,
           sum(interval_s) AS covered_s,
           coalesce(sum(interval_s) FILTER (WHERE has_grid), 0) AS grid_covered_s,
           sum(pv_power_w * hours) / 1000 AS pv_kwh,
           sum(load_power_w * grid_hours) / 1000 AS load_kwh,
           sum(greatest(0, - export_power_w) * grid_hours) / 1000 AS import_kwh,
           sum(greatest(export_power_w, 0) * grid_hours) / 1000 AS export_kwh,
           sum(greatest(battery_power_w, 0) * hours) / 1000 AS battery_charge_kwh,
           sum(greatest(0, - battery_power_w) * hours) / 1000 AS battery_discharge_kwh,
           -- A state of charge without a power: there is a battery, of unknown direction.
           count(battery_power_w) > 0 OR count(battery_soc_pct) < count(*) AS tells_of_battery,
           sum(solar_to_house_w * hours) / 1000 AS solar_to_house_kwh,
           sum(solar_to_battery_w * hours) / 1000 AS solar_to_battery_kwh,
           sum(solar_to_grid_w * hours) / 1000 AS solar_to_grid_kwh,
           sum(battery_to_house_w * hours) / 1000 AS battery_to_house_kwh,
           sum(battery_to_grid_w * hours) / 1000 AS battery_to_grid_kwh,
           sum(grid_to_house_w * hours) / 1000 AS grid_to_house_kwh,
           sum(grid_to_battery_w * hours) / 1000 AS grid_to_battery_kwh,
           sum(loss_w * hours) / 1000 AS loss_kwh,
           count(battery_soc_pct) - count(battery_power_w) > 0.1 * count(*) AS is_undecided
      FROM sample GROUP BY key
)
SELECT key, avg_pv_power_w, max_pv_power_w, avg_battery_power_w, avg_battery_soc_pct, avg_load_power_w,
       avg_export_power_w, sample_count, min_pv_power_w, min_battery_soc_pct, max_battery_soc_pct, covered_s,
       grid_covered_s, pv_kwh, load_kwh, import_kwh, export_kwh, pv_kwh AS pv_integral_kwh,
       load_kwh AS load_integral_kwh, import_kwh AS import_integral_kwh, export_kwh AS export_integral_kwh,
       charge_kwh AS battery_charge_kwh, discharge_kwh AS battery_discharge_kwh,
       charge_kwh AS battery_charge_integral_kwh, discharge_kwh AS battery_discharge_integral_kwh,
       solar_to_house_kwh, solar_to_battery_kwh, solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh,
       grid_to_house_kwh, grid_to_battery_kwh, loss_kwh,
       is_undecided OR grid_covered_s < 0.9 * covered_s AS estimated, is_undecided AS estimated_sources
  FROM minute
 CROSS JOIN LATERAL (SELECT CASE WHEN tells_of_battery THEN battery_charge_kwh END AS charge_kwh,
                            CASE WHEN tells_of_battery THEN battery_discharge_kwh END AS discharge_kwh
                    ) AS told
