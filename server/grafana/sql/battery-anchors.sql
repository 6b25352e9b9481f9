-- When the battery was full or empty by physics, or stopped at its reserve; the newest first.
SELECT ts, left_ts, kind, evidence, soc_before_pct, soc_after_pct, temp_c
  FROM sungrow_battery_anchors
 WHERE device_id = ${device:sqlstring} AND ts <= $__timeTo()::timestamptz AND left_ts >= $__timeFrom()::timestamptz
 ORDER BY ts DESC
 LIMIT 200
