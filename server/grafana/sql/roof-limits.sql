-- When the inverter held a string back: hours in the time, and what that cost, where it is known.
SELECT string, cause, count(*) / 12.0 AS hours, sum(lost_w) / 12000 AS lost_kwh
  FROM sungrow_string_limits
 WHERE device_id = ${device:sqlstring} AND $__timeFilter(bucket)
 GROUP BY 1, 2
 ORDER BY 1, 2
