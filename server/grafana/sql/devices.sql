-- The variable "device": every house of which there is anything.
SELECT device_id FROM sungrow_devices
UNION SELECT device_id FROM sungrow_local_daily
UNION SELECT device_id FROM p1_local_daily
ORDER BY 1
