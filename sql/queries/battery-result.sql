-- Called by api/battery: what the last night found out of the battery of a house.
SELECT computed_at, result, whatif FROM sungrow_battery_results WHERE device_id = %(device_id)s
