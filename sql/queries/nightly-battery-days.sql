-- Called by nightly/battery_rows: these local days and the days after them, since a day is looked at from some hours before it
-- on; when they are, and whether there are five minutes of them.
SELECT day, sungrow_midnight(day, zone) AS starts, sungrow_midnight(day + 1, zone) AS ends,
       EXISTS (SELECT FROM sungrow_local_daily WHERE device_id = %(device_id)s AND bucket = day) AS is_there
  FROM (SELECT unnest(%(days)s::date[]) AS day UNION SELECT unnest(%(days)s::date[]) + 1) AS asked
 CROSS JOIN (SELECT sungrow_timezone(%(device_id)s) AS zone) AS site
 ORDER BY day
