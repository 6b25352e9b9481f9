-- Called by database/rollups: what a rebuild of some whole local days must not touch, since their samples
-- are gone (an old chunk was dropped): quarter hours of which the rollup counts more samples than there
-- are, and days that count more than their quarter hours explain. Between shrink_first and shrink_end
-- counts may fall. The quarter hours of such a day stay as they are too.
WITH rolled AS (
    SELECT sungrow_slot(bucket) AS slot, sum(sample_count) AS count FROM sungrow_5min
     WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s GROUP BY 1
), raw AS (
    SELECT sungrow_slot(ts) AS slot, count(*) AS count FROM sungrow_samples
     WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s GROUP BY 1
), quarter AS (
    SELECT slot, (slot AT TIME ZONE %(zone)s)::date AS day, coalesce(rolled.count, 0) AS rolled,
           coalesce(raw.count, 0) AS raw,
           slot + interval '15 minutes' > %(shrink_first)s AND slot < %(shrink_end)s AS may_shrink
      FROM rolled FULL JOIN raw USING (slot)
), explained AS (
    SELECT day, sum(greatest(rolled, raw)) AS count FROM quarter GROUP BY day
), unexplained AS (
    SELECT bucket AS day FROM sungrow_local_daily
      LEFT JOIN explained ON day = bucket
     WHERE device_id = %(device_id)s AND bucket >= %(first_day)s AND bucket <= %(last_day)s
       AND sample_count > coalesce(count, 0)
       AND NOT (sungrow_midnight(bucket + 1, %(zone)s) > %(shrink_first)s
                AND sungrow_midnight(bucket, %(zone)s) < %(shrink_end)s)
), kept AS (
    SELECT slot, day FROM quarter
     WHERE NOT may_shrink AND (rolled > raw OR day IN (SELECT day FROM unexplained))
)
SELECT array(SELECT slot FROM kept) AS slots, array(SELECT day FROM unexplained) AS days,
       array(SELECT day FROM kept UNION SELECT day FROM unexplained ORDER BY 1) AS touched,
       (SELECT coalesce(sum(raw), 0)::bigint FROM quarter
         WHERE slot NOT IN (SELECT slot FROM kept)) AS samples
