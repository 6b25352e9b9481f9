-- Called by api/gaps, api/envelope, api/battery, api/roof_day and api/states: the zone of a device's local dates.
SELECT sungrow_timezone(%(device_id)s) AS timezone
