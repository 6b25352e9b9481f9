-- Called by api/series_query: the zone of a device's local days, the first and the last one that reports anything, and
-- whether the house has a grid meter.
SELECT sungrow_timezone(%(device_id)s) AS timezone,
       least(own.first, meter.first) AS first_day, greatest(own.last, meter.last) AS last_day,
       meter.first IS NOT NULL AS has_p1
  FROM (SELECT min(bucket) AS first, max(bucket) AS last
          FROM sungrow_local_daily WHERE device_id = %(device_id)s) AS own,
       (SELECT min(bucket) AS first, max(bucket) AS last
          FROM p1_local_daily WHERE device_id = %(device_id)s) AS meter
