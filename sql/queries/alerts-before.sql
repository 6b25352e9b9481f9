-- Called by alerts/past: the newest reading of a house up to a moment, and of its grid meter.
SELECT newest.ts, newest.received_at, newest.battery_soh_pct AS soh,
       (SELECT last_ts FROM p1_5min WHERE device_id = %(device_id)s AND first_ts <= %(at)s
         ORDER BY bucket DESC LIMIT 1) AS p1_ts
  FROM (SELECT) AS one LEFT JOIN LATERAL sungrow_newest_sample(%(device_id)s, %(at)s) AS newest ON true
