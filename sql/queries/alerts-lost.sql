-- Called by alerts/gather: readings between two moments that are nowhere, of each house and both kinds.
SELECT device_id, m.lost + p1.lost AS lost
  FROM unnest(%(device_ids)s::text[]) AS device_id
 CROSS JOIN LATERAL sungrow_missing(device_id, %(first)s, %(end)s, 'sample') AS m
 CROSS JOIN LATERAL sungrow_missing(device_id, %(first)s, %(end)s, 'p1') AS p1
