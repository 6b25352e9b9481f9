-- Called by api/status: the newest parked readings, and the number of all of them.
SELECT ts, received_at, reason, count(*) OVER () AS total
  FROM sungrow_parked WHERE device_id = %(device_id)s AND kind = %(kind)s
 ORDER BY received_at DESC, seq DESC LIMIT 10
