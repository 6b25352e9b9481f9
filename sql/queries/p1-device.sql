-- Called by p1/history: the zone of a device's local days, and the first and the last reading of its grid meter.
SELECT sungrow_timezone(%(device_id)s) AS timezone,
       (SELECT first_ts FROM p1_local_daily WHERE device_id = %(device_id)s ORDER BY bucket LIMIT 1) AS first_ts,
       (SELECT last_ts FROM p1_local_daily WHERE device_id = %(device_id)s ORDER BY bucket DESC LIMIT 1) AS last_ts
