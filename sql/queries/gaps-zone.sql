-- Called by api/query_args: the zone of a device's local dates.
SELECT sungrow_timezone(%(device_id)s) AS timezone
