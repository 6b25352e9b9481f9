-- Called by api/hours: the raw samples of each hour UTC, counted, and the sum of their microseconds after it:
-- two sides that agree on both hold the same samples.
SELECT date_bin('1 hour', ts, '2000-01-01 00:00Z') AS hour, count(*) AS count,
       sum(round(date_part('epoch', ts - date_bin('1 hour', ts, '2000-01-01 00:00Z')) * 1000000)::bigint)::bigint
           AS sum_us
  FROM sungrow_samples
 WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
 GROUP BY 1 ORDER BY 1
