-- Called by database/zones: local days that count more samples than their five minutes do: these are gone, so the day
-- cannot be cut in another zone.
SELECT day.bucket FROM sungrow_local_daily day
  LEFT JOIN (SELECT (bucket AT TIME ZONE %(zone)s)::date AS bucket,
                    sum(sample_count) AS count
               FROM sungrow_5min
              WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
              GROUP BY 1) AS cut USING (bucket)
 WHERE day.device_id = %(device_id)s AND day.bucket >= %(first_day)s AND day.bucket <= %(last_day)s
   AND day.sample_count > coalesce(cut.count, 0)
 ORDER BY 1
