-- Called by database/rollups: the local days of a device, from their five minutes, as the trigger adds them up.
INSERT INTO sungrow_local_daily (
    device_id, bucket, sample_count, covered_s, first_ts, last_ts, pv_power_w_sum, pv_power_w_min,
    pv_power_w_max, load_power_w_sum, load_power_w_min, load_power_w_max, export_power_w_sum,
    export_power_w_min, export_power_w_max, battery_power_w_count, battery_power_w_sum,
    battery_power_w_min, battery_power_w_max, battery_soc_pct_count, battery_soc_pct_sum,
    battery_soc_pct_min, battery_soc_pct_max, pv_integral_kwh, load_integral_kwh,
    import_integral_kwh, export_integral_kwh, battery_charge_integral_kwh,
    battery_discharge_integral_kwh, flow_count, solar_to_house_kwh, solar_to_battery_kwh,
    solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh,
    grid_to_battery_kwh, loss_kwh, counters_first, counters_last, load_power_w_nulls,
    export_power_w_nulls, gridless_s)
SELECT device_id, (bucket AT TIME ZONE %(zone)s)::date,
       sum(sample_count)::bigint, sum(covered_s), min(first_ts), max(last_ts), sum(pv_power_w_sum),
       min(pv_power_w_min), max(pv_power_w_max), sum(load_power_w_sum), min(load_power_w_min),
       max(load_power_w_max), sum(export_power_w_sum), min(export_power_w_min),
       max(export_power_w_max), sum(battery_power_w_count)::bigint, sum(battery_power_w_sum),
       min(battery_power_w_min), max(battery_power_w_max), sum(battery_soc_pct_count)::bigint,
       sum(battery_soc_pct_sum), min(battery_soc_pct_min), max(battery_soc_pct_max),
       sum(pv_integral_kwh), sum(load_integral_kwh), sum(import_integral_kwh),
       sum(export_integral_kwh), sum(battery_charge_integral_kwh),
       sum(battery_discharge_integral_kwh), sum(flow_count)::bigint, sum(solar_to_house_kwh),
       sum(solar_to_battery_kwh), sum(solar_to_grid_kwh), sum(battery_to_house_kwh),
       sum(battery_to_grid_kwh), sum(grid_to_house_kwh), sum(grid_to_battery_kwh), sum(loss_kwh),
       (min(ARRAY[counters_first]) FILTER (WHERE (counters_first).ts IS NOT NULL))[1],
       (max(ARRAY[counters_last]) FILTER (WHERE (counters_last).ts IS NOT NULL))[1],
       sum(load_power_w_nulls)::bigint, sum(export_power_w_nulls)::bigint, sum(gridless_s)
  FROM sungrow_5min
 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
   AND (bucket AT TIME ZONE %(zone)s)::date <> ALL (%(days)s::date[])
 GROUP BY 1, 2
