-- Called by database/rollups: the next whole local days of a device, a week of them at most, that hold anything from
-- first on and before end: so much is computed again at once.
SELECT first_day, last_day, zone, sungrow_midnight(first_day, zone) AS first,
       sungrow_midnight(last_day + 1, zone) AS end
  FROM (SELECT (start AT TIME ZONE zone)::date AS first_day, zone,
               least((start AT TIME ZONE zone)::date + 6, until_day) AS last_day
          FROM (SELECT sungrow_timezone(%(device_id)s) AS zone) AS site
         CROSS JOIN LATERAL (
            SELECT (%(first)s::timestamptz AT TIME ZONE zone)::date AS from_day,
                   ((%(end)s::timestamptz - interval '1 microsecond') AT TIME ZONE zone)::date
                       AS until_day) AS asked
         CROSS JOIN LATERAL (
            SELECT least(
                (SELECT min(ts) FROM sungrow_samples
                  WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s),
                (SELECT min(bucket) FROM sungrow_5min
                  WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s),
                (SELECT sungrow_midnight(min(bucket), zone) FROM sungrow_local_daily
                  WHERE device_id = %(device_id)s AND bucket >= from_day AND bucket <= until_day)
            ) AS start) AS found) AS days
 WHERE first_day IS NOT NULL
