-- What each way from full to empty, or back, measured of the capacity, at its end.
SELECT to_ts AS "time", max(capacity_kwh) AS capacity_kwh
  FROM sungrow_battery_windows
 WHERE device_id = ${device:sqlstring} AND capacity_kwh IS NOT NULL AND $__timeFilter(to_ts)
 GROUP BY 1
 ORDER BY 1
