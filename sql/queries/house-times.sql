-- Called by house/series for minutes and hours of a house with a grid meter, beside series-times: what rests on the
-- grid. Each five minutes speak by the samples that have a reading of the grid meter beside them; where none has, by
-- the inverter's own meter.
WITH asked AS (
    SELECT %(keys)s::timestamptz[] AS keys
), own AS (
    SELECT keys[width_bucket(f.bucket, keys)] AS key,
           sum(coalesce(h.load_power_w_sum, f.load_power_w_sum)) / nullif(sum(load_count), 0) AS avg_load_power_w,
           sum(coalesce(h.export_power_w_sum, f.export_power_w_sum)) / nullif(sum(export_count), 0) AS avg_export_power_w,
           sum(coalesce(h.covered_s, f.covered_s - gridless_s)) AS grid_covered_s,
           sum(coalesce(h.load_integral_kwh, f.load_integral_kwh)) AS load_integral_kwh,
           sum(coalesce(h.import_integral_kwh, f.import_integral_kwh)) AS import_integral_kwh,
           sum(coalesce(h.export_integral_kwh, f.export_integral_kwh)) AS export_integral_kwh,
           sum(coalesce(h.solar_to_house_kwh, f.solar_to_house_kwh)) FILTER (WHERE flows > 0) AS solar_to_house_kwh,
           sum(coalesce(h.solar_to_battery_kwh, f.solar_to_battery_kwh)) FILTER (WHERE flows > 0) AS solar_to_battery_kwh,
           sum(coalesce(h.solar_to_grid_kwh, f.solar_to_grid_kwh)) FILTER (WHERE flows > 0) AS solar_to_grid_kwh,
           sum(coalesce(h.battery_to_house_kwh, f.battery_to_house_kwh)) FILTER (WHERE flows > 0) AS battery_to_house_kwh,
           sum(coalesce(h.battery_to_grid_kwh, f.battery_to_grid_kwh)) FILTER (WHERE flows > 0) AS battery_to_grid_kwh,
           sum(coalesce(h.grid_to_house_kwh, f.grid_to_house_kwh)) FILTER (WHERE flows > 0) AS grid_to_house_kwh,
           sum(coalesce(h.grid_to_battery_kwh, f.grid_to_battery_kwh)) FILTER (WHERE flows > 0) AS grid_to_battery_kwh,
           sum(coalesce(h.loss_kwh, f.loss_kwh)) FILTER (WHERE flows > 0) AS loss_kwh,
           coalesce(sum(paired_count), 0) > 0 AS has_pairs,
           sum(sample_count - load_power_w_nulls - coalesce(metered_count, 0)) > 0 AS has_own,
           sum(coalesce(h.covered_s, f.covered_s - gridless_s)) < 0.9 * sum(f.covered_s) AS is_partly
      FROM asked CROSS JOIN sungrow_5min AS f
      LEFT JOIN (SELECT * FROM sungrow_house_5min
                 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s AND paired_count > 0) AS h
             ON h.bucket = f.bucket
     CROSS JOIN LATERAL (
           SELECT coalesce(paired_count, sample_count - load_power_w_nulls) AS load_count,
                  coalesce(paired_count, sample_count - export_power_w_nulls) AS export_count,
                  coalesce(h.flow_count, f.flow_count) AS flows) AS spoken
     WHERE f.device_id = %(device_id)s AND f.bucket >= %(first)s AND f.bucket < %(end)s
     GROUP BY 1
), meter AS (
    SELECT starts AS key, import_kwh AS import_p1_kwh, export_kwh AS export_p1_kwh, gas_m3, water_m3,
           estimated AS p1_estimated
      FROM asked CROSS JOIN sungrow_house_grid(%(device_id)s, keys || %(end)s::timestamptz, false)
     WHERE num_nonnulls(import_kwh, gas_m3, water_m3) > 0
)
SELECT key, avg_load_power_w, avg_export_power_w, coalesce(grid_covered_s, 0) AS grid_covered_s, load_integral_kwh,
       import_integral_kwh, export_integral_kwh, solar_to_house_kwh, solar_to_battery_kwh, solar_to_grid_kwh,
       battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh, grid_to_battery_kwh, loss_kwh,
       import_p1_kwh, export_p1_kwh, gas_m3, water_m3, coalesce(p1_estimated, false) AS p1_estimated,
       coalesce(has_pairs, false) OR import_p1_kwh IS NOT NULL AS has_p1, coalesce(has_own, false) AS has_own,
       coalesce(is_partly, false) AS is_partly
  FROM own FULL JOIN meter USING (key)
