-- Called by api/series where fields asks for more than the rollups keep: from the samples, for a day or two. Averages
-- are over the samples that have a value.
SELECT keys[width_bucket(ts, keys)] AS key,
       avg(sungrow_or_zero(mppt1_voltage_v) * sungrow_or_zero(mppt1_current_a)) AS avg_mppt1_power_w,
       avg(sungrow_or_zero(mppt2_voltage_v) * sungrow_or_zero(mppt2_current_a)) AS avg_mppt2_power_w,
       avg(sungrow_or_zero(mppt3_voltage_v) * sungrow_or_zero(mppt3_current_a)) AS avg_mppt3_power_w,
       avg(sungrow_or_zero(mppt4_voltage_v) * sungrow_or_zero(mppt4_current_a)) AS avg_mppt4_power_w,
       avg(sungrow_or_zero(battery_temp_c)) AS avg_battery_temp_c,
       avg(sungrow_or_zero(battery_voltage_v)) AS avg_battery_voltage_v,
       avg(sungrow_or_zero(grid_voltage_v)) AS avg_grid_voltage_v
  FROM (SELECT %(keys)s::timestamptz[] AS keys) AS asked CROSS JOIN sungrow_samples
 WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
 GROUP BY 1
