-- Called by nightly/battery_rows: the five minutes of a range as server/battery/rows.py has them, by the rollups alone.
SELECT extract(epoch FROM bucket)::bigint, covered_s, soc_mean_pct, soc_min_pct, soc_max_pct,
       battery_mean_w, battery_min_w, battery_max_w, charge_kwh, discharge_kwh,
       extract(epoch FROM (counters_first).ts)::double precision,
       (counters_first).battery_total_charge_kwh, (counters_first).battery_total_discharge_kwh,
       extract(epoch FROM (counters_last).ts)::double precision,
       (counters_last).battery_total_charge_kwh, (counters_last).battery_total_discharge_kwh,
       pv_kwh, load_kwh, import_kwh, export_kwh,
       solar_to_battery_kwh, grid_to_battery_kwh, battery_to_house_kwh, battery_to_grid_kwh
  FROM sungrow_battery_fine(%(device_id)s, %(first)s, %(end)s)
 ORDER BY bucket
