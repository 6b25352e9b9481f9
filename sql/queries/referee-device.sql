-- Called by referee/stored: the zone of a device's local days, and the lag by which its house is paired.
SELECT sungrow_timezone(%(device_id)s) AS timezone, sungrow_p1_lag_s(%(device_id)s) AS lag_s
