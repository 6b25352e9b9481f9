-- Called by api/alerts, api/battery, api/gaps, api/query_args and api/states: the zone of a device's local dates.
SELECT sungrow_timezone(%(device_id)s) AS timezone
