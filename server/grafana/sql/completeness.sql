-- What became of the readings of each of the last 31 local days of the time; lost has to be 0.
SELECT to_char(day, 'YYYY-MM-DD') AS day, expected, polled, failed, stored, parked, thinned, forgotten, in_transit, lost
  FROM sungrow_completeness
 WHERE device_id = ${device:sqlstring} AND sungrow_completeness.day > ($__timeTo()::timestamptz - interval '31 days')::date
   AND day >= $__timeFrom()::timestamptz::date AND day <= $__timeTo()::timestamptz::date
 ORDER BY 1 DESC
