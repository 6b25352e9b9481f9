-- Times without readings, each with its cause.
SELECT from_ts, to_ts, cause, duration_s
  FROM sungrow_gap_list(${device:sqlstring}, $__timeFrom()::timestamptz, least($__timeTo()::timestamptz, now()))
 ORDER BY from_ts DESC
 LIMIT 200
