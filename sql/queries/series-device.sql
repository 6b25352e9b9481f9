-- Called by api/series: the zone of a device's local days, and the first and the last one with samples.
SELECT sungrow_timezone(%(device_id)s) AS timezone,
       (SELECT min(bucket) FROM sungrow_local_daily WHERE device_id = %(device_id)s) AS first_day,
       (SELECT max(bucket) FROM sungrow_local_daily WHERE device_id = %(device_id)s) AS last_day
