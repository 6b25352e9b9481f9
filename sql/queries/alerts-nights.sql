-- Called by alerts/gather: in how many of these times, since its first reading, a house had none.
SELECT count(*) AS silent
  FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS night (starts, ends)
 WHERE starts > (SELECT min(bucket) FROM sungrow_5min WHERE device_id = %(device_id)s)
   AND NOT EXISTS (SELECT FROM sungrow_5min WHERE device_id = %(device_id)s AND bucket >= starts AND bucket < ends)
