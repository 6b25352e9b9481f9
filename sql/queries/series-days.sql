-- Called by api/series for days and months: keys are the first local dates of the buckets, in order, end is
-- where the last one ends. An energy is the counter's where that speaks for a day, else the integral's.
-- Flows, and what a battery took and gave by integral, are null where its direction was never known.
-- A day without samples is here too where the counters tell what it brought.
SELECT keys[width_bucket(day, keys)] AS key,
       sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w,
       max(pv_power_w_max) AS max_pv_power_w,
       sum(battery_power_w_sum) / nullif(sum(battery_power_w_count), 0) AS avg_battery_power_w,
       sum(battery_soc_pct_sum) / nullif(sum(battery_soc_pct_count), 0) AS avg_battery_soc_pct,
       sum(load_power_w_sum) / nullif(sum(sample_count - load_power_w_nulls), 0) AS avg_load_power_w,
       sum(export_power_w_sum) / nullif(sum(sample_count - export_power_w_nulls), 0) AS avg_export_power_w,
       coalesce(sum(sample_count), 0)::bigint AS sample_count,
       min(pv_power_w_min) AS min_pv_power_w,
       min(battery_soc_pct_min) AS min_battery_soc_pct,
       max(battery_soc_pct_max) AS max_battery_soc_pct,
       coalesce(sum(covered_s), 0) AS covered_s,
       coalesce(sum(covered_s - gridless_s), 0) AS grid_covered_s,
       sum(coalesce(pv_counter_kwh, pv_integral_kwh)) AS pv_kwh,
       sum(coalesce(load_counter_kwh, load_integral_kwh)) AS load_kwh,
       sum(coalesce(import_counter_kwh, import_integral_kwh)) AS import_kwh,
       sum(coalesce(export_counter_kwh, export_integral_kwh)) AS export_kwh,
       sum(coalesce(battery_charge_counter_kwh, CASE WHEN tells_of_battery THEN battery_charge_integral_kwh END))
           AS battery_charge_kwh,
       sum(coalesce(battery_discharge_counter_kwh, CASE WHEN tells_of_battery THEN battery_discharge_integral_kwh END))
           AS battery_discharge_kwh,
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
       bool_or(estimated) AS estimated
  FROM (SELECT %(keys)s::date[] AS keys) AS asked
 CROSS JOIN sungrow_daily_energy(%(device_id)s, %(first)s, %(end)s)
  LEFT JOIN (SELECT *, battery_power_w_count > 0 OR battery_soc_pct_count < sample_count AS tells_of_battery
               FROM sungrow_local_daily
              WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s) AS daily
         ON bucket = day
 GROUP BY 1
