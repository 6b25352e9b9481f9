-- Called by api/gaps and api/envelope: the zone of a device's local dates.
SELECT sungrow_timezone(%(device_id)s) AS timezone
