-- Called by checks_database: the site's zone, and those of the devices that have one of their own.
SELECT NULL AS device_id, timezone FROM sungrow_site
 UNION ALL
SELECT device_id, timezone FROM sungrow_devices WHERE timezone IS NOT NULL
 ORDER BY device_id NULLS FIRST
