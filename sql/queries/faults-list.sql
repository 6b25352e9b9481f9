-- Called by api/faults: the faults of a device of which any part is in a time, the newest first.
SELECT word, bit, value, code, text, advice, severity, from_ts, to_ts, last_ts, polls
  FROM sungrow_fault_episodes
 WHERE device_id = %(device_id)s AND from_ts < %(end)s AND (to_ts IS NULL OR to_ts >= %(first)s)
 ORDER BY from_ts DESC, word, bit
