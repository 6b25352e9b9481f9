-- Called by api/faults: the zone of a device, and whether its dongle has ever shown a bit. One that has not may be
-- unable to: a WiNet-S answers 0 for what it lacks.
SELECT sungrow_timezone(%(device_id)s) AS timezone,
       (SELECT true FROM sungrow_fault_5min WHERE device_id = %(device_id)s AND word <> 13000
         ORDER BY bucket LIMIT 1) IS NOT NULL AS can_tell
