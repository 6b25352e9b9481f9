-- The capacity of each year, whatever the time: median and quartiles of what was measured.
SELECT year, epoch, n, median_kwh, lower_quartile_kwh, upper_quartile_kwh
  FROM sungrow_battery_capacity
 WHERE device_id = ${device:sqlstring}
 ORDER BY year DESC, epoch DESC
