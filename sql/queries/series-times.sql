-- Called by api/series for minutes and hours: keys are the starts of the buckets, in order, end is where the
-- last one ends. Their energies are the integrals: a counter's step of 0.1 kWh is too coarse for them.
-- Flows, and what a battery took and gave, are null where its direction was never known.
SELECT keys[width_bucket(bucket, keys)] AS key,
       sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w,
       max(pv_power_w_max) AS max_pv_power_w,
       sum(battery_power_w_sum) / nullif(sum(battery_power_w_count), 0) AS avg_battery_power_w,
       sum(battery_soc_pct_sum) / nullif(sum(battery_soc_pct_count), 0) AS avg_battery_soc_pct,
       sum(load_power_w_sum) / nullif(sum(sample_count - load_power_w_nulls), 0) AS avg_load_power_w,
       sum(export_power_w_sum) / nullif(sum(sample_count - export_power_w_nulls), 0) AS avg_export_power_w,
       sum(sample_count)::bigint AS sample_count, min(pv_power_w_min) AS min_pv_power_w,
       min(battery_soc_pct_min) AS min_battery_soc_pct, max(battery_soc_pct_max) AS max_battery_soc_pct,
       sum(covered_s) AS covered_s,
       sum(covered_s - gridless_s) AS grid_covered_s,
       sum(pv_integral_kwh) AS pv_kwh,
       sum(load_integral_kwh) AS load_kwh,
       sum(import_integral_kwh) AS import_kwh,
       sum(export_integral_kwh) AS export_kwh,
       sum(battery_charge_integral_kwh) FILTER (WHERE tells_of_battery) AS battery_charge_kwh,
       sum(battery_discharge_integral_kwh) FILTER (WHERE tells_of_battery) AS battery_discharge_kwh,
       sum(pv_counter_kwh) AS pv_counter_kwh,
       sum(load_counter_kwh) AS load_counter_kwh,
       sum(import_counter_kwh) AS import_counter_kwh,
       sum(export_counter_kwh) AS export_counter_kwh,
       sum(battery_charge_counter_kwh) AS battery_charge_counter_kwh,
       sum(battery_discharge_counter_kwh) AS battery_discharge_counter_kwh,
       sum(pv_integral_kwh) AS pv_integral_kwh,
       sum(load_integral_kwh) AS load_integral_kwh,
       sum(import_integral_kwh) AS import_integral_kwh,
       sum(export_integral_kwh) AS export_integral_kwh,
       sum(battery_charge_integral_kwh) FILTER (WHERE tells_of_battery) AS battery_charge_integral_kwh,
       sum(battery_discharge_integral_kwh) FILTER (WHERE tells_of_battery) AS battery_discharge_integral_kwh,
       sum(solar_to_house_kwh) FILTER (WHERE flow_count > 0) AS solar_to_house_kwh,
       sum(solar_to_battery_kwh) FILTER (WHERE flow_count > 0) AS solar_to_battery_kwh,
       sum(solar_to_grid_kwh) FILTER (WHERE flow_count > 0) AS solar_to_grid_kwh,
       sum(battery_to_house_kwh) FILTER (WHERE flow_count > 0) AS battery_to_house_kwh,
       sum(battery_to_grid_kwh) FILTER (WHERE flow_count > 0) AS battery_to_grid_kwh,
       sum(grid_to_house_kwh) FILTER (WHERE flow_count > 0) AS grid_to_house_kwh,
       sum(grid_to_battery_kwh) FILTER (WHERE flow_count > 0) AS grid_to_battery_kwh,
       sum(loss_kwh) FILTER (WHERE flow_count > 0) AS loss_kwh,
       bool_or(estimated) OR sum(gridless_s) > 0.1 * sum(covered_s)
           OR sum(battery_soc_pct_count - battery_power_w_count) > 0.1 * sum(sample_count) AS estimated,
       bool_or(estimated)
           OR sum(battery_soc_pct_count - battery_power_w_count) > 0.1 * sum(sample_count) AS estimated_sources
  FROM (SELECT %(keys)s::timestamptz[] AS keys) AS asked
 CROSS JOIN (SELECT *, battery_power_w_count > 0 OR battery_soc_pct_count < sample_count AS tells_of_battery
               FROM sungrow_5min) AS five_minutes
  JOIN sungrow_short_energy(%(device_id)s, %(first)s, %(end)s) AS energy USING (bucket)
 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
 GROUP BY 1
