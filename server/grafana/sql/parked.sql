-- Readings that can never be a sample, each with the reason.
SELECT coalesce(ts, received_at) AS ts, kind, reason
  FROM sungrow_parked
 WHERE device_id = ${device:sqlstring} AND coalesce(ts, received_at) >= $__timeFrom()::timestamptz
   AND coalesce(ts, received_at) <= $__timeTo()::timestamptz
 ORDER BY 1 DESC
 LIMIT 200
