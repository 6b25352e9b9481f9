-- Called by api/strings: keys are the starts of the buckets, in order, end is where the last one ends. A string's part
-- of what all gave is null where they gave nothing, or where one of them was read in less than nine tenths of the
-- samples of another one, or not at all: all is how many there were around this time.
WITH told AS (
    SELECT keys[width_bucket(bucket, keys)] AS key, string, sum(p_sum) AS p_sum, max(p_max) AS max_power_w,
           sum(u_sum) AS u_sum, sum(i_sum) AS i_sum, sum(integral_kwh) AS kwh, sum(n) AS n, sum(limited_n) AS limited_n
      FROM (SELECT %(keys)s::timestamptz[] AS keys) AS asked CROSS JOIN sungrow_strings_5min
     WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
     GROUP BY 1, 2
)
SELECT key, string, p_sum / n AS avg_power_w, max_power_w, sungrow_or_zero(u_sum) / n AS avg_voltage_v,
       sungrow_or_zero(i_sum) / n AS avg_current_a, kwh,
       CASE WHEN count(*) OVER of_all >= %(all)s AND min(n) OVER of_all >= 0.9 * max(n) OVER of_all
            THEN kwh / nullif(sum(kwh) OVER of_all, 0) END AS share,
       n::bigint AS sample_count, limited_n::bigint AS limited_count
  FROM told WINDOW of_all AS (PARTITION BY key)
 ORDER BY key, string
