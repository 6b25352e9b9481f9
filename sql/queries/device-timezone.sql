-- Called by series: the zone of a device's local days.
SELECT coalesce(device.timezone, site.timezone) AS timezone
  FROM sungrow_site site LEFT JOIN sungrow_devices device ON device.device_id = %(device_id)s
