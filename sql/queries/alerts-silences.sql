-- Called by api/alerts: what nobody wants to hear of a device now, or soon.
SELECT id, device_id, rule, from_ts, to_ts, why
  FROM sungrow_silences
 WHERE to_ts > %(now)s AND (device_id = %(device_id)s OR device_id IS NULL)
 ORDER BY id
