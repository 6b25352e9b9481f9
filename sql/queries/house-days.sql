-- Called by house/series for days and months of a house with a grid meter, beside series-days: what rests on the grid.
-- Each day speaks by the samples that have a reading of the grid meter beside them; where none has, by the inverter's
-- own meter.
SELECT keys[width_bucket(day, keys)] AS key,
       sum(coalesce(h.load_power_w_sum, d.load_power_w_sum)) / nullif(sum(load_count), 0) AS avg_load_power_w,
       sum(coalesce(h.export_power_w_sum, d.export_power_w_sum)) / nullif(sum(export_count), 0) AS avg_export_power_w,
       coalesce(sum(coalesce(h.covered_s, d.covered_s - gridless_s)), 0) AS grid_covered_s,
       sum(coalesce(e.load_counter_kwh, e.load_integral_kwh)) AS load_kwh,
       sum(e.import_kwh) AS import_kwh,
       sum(e.export_kwh) AS export_kwh,
       sum(e.import_p1_kwh) AS import_p1_kwh,
       sum(e.export_p1_kwh) AS export_p1_kwh,
       sum(gas_m3) AS gas_m3,
       sum(water_m3) AS water_m3,
       sum(e.load_counter_kwh) AS load_counter_kwh,
       sum(e.load_integral_kwh) AS load_integral_kwh,
       sum(e.import_integral_kwh) AS import_integral_kwh,
       sum(e.export_integral_kwh) AS export_integral_kwh,
       sum(coalesce(h.solar_to_house_kwh, d.solar_to_house_kwh)) FILTER (WHERE flows > 0) AS solar_to_house_kwh,
       sum(coalesce(h.solar_to_battery_kwh, d.solar_to_battery_kwh)) FILTER (WHERE flows > 0) AS solar_to_battery_kwh,
       sum(coalesce(h.solar_to_grid_kwh, d.solar_to_grid_kwh)) FILTER (WHERE flows > 0) AS solar_to_grid_kwh,
       sum(coalesce(h.battery_to_house_kwh, d.battery_to_house_kwh)) FILTER (WHERE flows > 0) AS battery_to_house_kwh,
       sum(coalesce(h.battery_to_grid_kwh, d.battery_to_grid_kwh)) FILTER (WHERE flows > 0) AS battery_to_grid_kwh,
       sum(coalesce(h.grid_to_house_kwh, d.grid_to_house_kwh)) FILTER (WHERE flows > 0) AS grid_to_house_kwh,
       sum(coalesce(h.grid_to_battery_kwh, d.grid_to_battery_kwh)) FILTER (WHERE flows > 0) AS grid_to_battery_kwh,
       sum(coalesce(h.loss_kwh, d.loss_kwh)) FILTER (WHERE flows > 0) AS loss_kwh,
       bool_or(e.import_p1_kwh IS NOT NULL OR e.paired_count > 0) AS has_p1,
       bool_or(has_own) AS has_own,
       bool_or(e.estimated) AS estimated
  FROM (SELECT %(keys)s::date[] AS keys) AS asked
 CROSS JOIN sungrow_house_days(%(device_id)s, %(first)s, %(end)s) AS e
  LEFT JOIN (SELECT * FROM sungrow_local_daily
              WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s) AS d ON d.bucket = day
  LEFT JOIN (SELECT * FROM sungrow_house_daily
              WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s AND paired_count > 0) AS h
         ON h.bucket = day
 CROSS JOIN LATERAL (
       SELECT coalesce(h.paired_count, sample_count - load_power_w_nulls) AS load_count,
              coalesce(h.paired_count, sample_count - export_power_w_nulls) AS export_count,
              coalesce(h.flow_count, d.flow_count) AS flows) AS spoken
 GROUP BY 1
