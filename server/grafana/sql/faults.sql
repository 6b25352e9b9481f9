-- Faults of the inverter that touch the time, the newest first; to_ts is empty while one is not over.
SELECT from_ts, to_ts, code, severity, text, advice, polls
  FROM sungrow_fault_episodes
 WHERE device_id = ${device:sqlstring} AND from_ts <= $__timeTo()::timestamptz
   AND (to_ts IS NULL OR to_ts >= $__timeFrom()::timestamptz)
 ORDER BY from_ts DESC
 LIMIT 200
