-- Called by series for the frames of days and months: unit says which, the range is of local dates.
SELECT date_trunc(%(unit)s, bucket::timestamp)::date AS start,
       sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w,
       max(pv_power_w_max) AS max_pv_power_w,
       sum(battery_power_w_sum) / nullif(sum(battery_power_w_count), 0) AS avg_battery_power_w,
       sum(battery_soc_pct_sum) / nullif(sum(battery_soc_pct_count), 0) AS avg_battery_soc_pct,
       sum(load_power_w_sum) / sum(sample_count) AS avg_load_power_w,
       sum(export_power_w_sum) / sum(sample_count) AS avg_export_power_w,
       sum(sample_count)::bigint AS sample_count, sum(covered_s) AS covered_s,
       sum(pv_integral_kwh) AS pv_kwh, sum(load_integral_kwh) AS load_kwh,
       sum(import_integral_kwh) AS import_kwh, sum(export_integral_kwh) AS export_kwh,
       sum(battery_charge_integral_kwh) AS battery_charge_kwh,
       sum(battery_discharge_integral_kwh) AS battery_discharge_kwh,
       sum(solar_to_house_kwh) AS solar_to_house_kwh,
       sum(solar_to_battery_kwh) AS solar_to_battery_kwh,
       sum(solar_to_grid_kwh) AS solar_to_grid_kwh,
       sum(battery_to_house_kwh) AS battery_to_house_kwh,
       sum(battery_to_grid_kwh) AS battery_to_grid_kwh,
       sum(grid_to_house_kwh) AS grid_to_house_kwh,
       sum(grid_to_battery_kwh) AS grid_to_battery_kwh, sum(loss_kwh) AS loss_kwh
  FROM sungrow_local_daily
 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
 GROUP BY 1 ORDER BY 1
