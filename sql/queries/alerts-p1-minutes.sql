-- Called by alerts/past: the newest reading of the grid meter in each minute, by the minute in which it arrived.
SELECT device_id, max(ts) AS ts, max(received_at) AS received_at
  FROM p1_samples
 WHERE device_id = ANY (%(device_ids)s) AND ts >= %(first)s AND ts < %(end)s AND received_at <= %(known)s
 GROUP BY device_id, date_trunc('minute', ts), date_trunc('minute', received_at)
