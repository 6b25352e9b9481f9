-- When the state of charge moved and energy does not explain it: the battery measured itself again.
SELECT at AS jump_ts, from_pct, to_pct, points
  FROM sungrow_battery_results
 CROSS JOIN LATERAL jsonb_to_recordset(result->'jumps')
       AS jump (at timestamptz, from_pct double precision, to_pct double precision, points double precision)
 WHERE device_id = ${device:sqlstring} AND at >= $__timeFrom()::timestamptz AND at <= $__timeTo()::timestamptz
 ORDER BY at DESC
 LIMIT 200
