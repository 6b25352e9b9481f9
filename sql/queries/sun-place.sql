-- Called by api/strings: where the house is, as its owner says.
SELECT latitude, longitude FROM sungrow_sites WHERE device_id = %(device_id)s AND latitude IS NOT NULL
