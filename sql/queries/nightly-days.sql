-- Called by nightly/days: the local days that have changed since a job saw them, or all of a range.
SELECT day, seen, starts, ends
  FROM sungrow_nightly_days(%(job)s, %(device_id)s)
 CROSS JOIN LATERAL (SELECT sungrow_midnight(day, zone) AS starts, sungrow_midnight(day + 1, zone) AS ends
                       FROM (SELECT sungrow_timezone(%(device_id)s) AS zone) AS site) AS day_of_zone
 WHERE CASE WHEN %(is_all)s THEN ends > coalesce(%(first)s::timestamptz, '-infinity')
                             AND starts < coalesce(%(end)s::timestamptz, 'infinity')
            ELSE has_changed END
 ORDER BY day
