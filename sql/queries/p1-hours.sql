-- Called by api/hours: what samples-hours.sql gives, for the readings of the grid meter.
SELECT date_bin('1 hour', ts, '2000-01-01 00:00Z') AS hour, count(*) AS count,
       sum(round(date_part('epoch', ts - date_bin('1 hour', ts, '2000-01-01 00:00Z')) * 1000000)::bigint)::bigint
           AS sum_us
  FROM p1_samples
 WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
 GROUP BY 1 ORDER BY 1
