-- Called by api/roof_curve: the digests of some local days.
SELECT digest FROM sungrow_roof_days WHERE device_id = %(device_id)s AND day >= %(first)s AND day < %(end)s ORDER BY day
