-- Called by database/rollups: the local days of a house, from their five minutes, as sungrow_house_add adds them up.
INSERT INTO sungrow_house_daily (
    device_id, bucket, paired_count, metered_count, covered_s, load_power_w_sum, export_power_w_sum,
    load_integral_kwh, import_integral_kwh, export_integral_kwh, flow_count, solar_to_house_kwh,
    solar_to_battery_kwh, solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh,
    grid_to_battery_kwh, loss_kwh)
SELECT device_id, (bucket AT TIME ZONE %(zone)s)::date,
       sum(paired_count), sum(metered_count), sum(covered_s), sum(load_power_w_sum), sum(export_power_w_sum),
       sum(load_integral_kwh), sum(import_integral_kwh), sum(export_integral_kwh), sum(flow_count),
       sum(solar_to_house_kwh), sum(solar_to_battery_kwh), sum(solar_to_grid_kwh), sum(battery_to_house_kwh),
       sum(battery_to_grid_kwh), sum(grid_to_house_kwh), sum(grid_to_battery_kwh), sum(loss_kwh)
  FROM sungrow_house_5min
 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
   AND (bucket AT TIME ZONE %(zone)s)::date <> ALL (%(days)s::date[])
 GROUP BY 1, 2
