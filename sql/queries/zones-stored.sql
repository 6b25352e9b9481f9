-- Called by doctor/database: the site's zone, and those that some of these devices have of their own.
SELECT NULL AS device_id, timezone FROM sungrow_site
 UNION ALL
SELECT device_id, timezone FROM sungrow_devices
 WHERE device_id = ANY (%(device_ids)s) AND timezone IS NOT NULL
 ORDER BY device_id NULLS FIRST
