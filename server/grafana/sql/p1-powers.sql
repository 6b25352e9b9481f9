-- The power at the grid (P1) meter, positive while importing; a row for each step, as in powers.
WITH asked AS (
    SELECT greatest(300, ceil($__interval_ms / 300000.0) * 300)::bigint AS step_s
), step AS (
    SELECT generate_series(floor(extract(epoch FROM $__timeFrom()::timestamptz) / step_s)::bigint * step_s,
                           extract(epoch FROM $__timeTo()::timestamptz)::bigint, step_s) AS at
      FROM asked
), found AS (
    SELECT floor(extract(epoch FROM bucket) / step_s)::bigint * step_s AS at,
           sum(power_w_sum) / nullif(sum(power_w_count), 0) AS avg_power_w,
           min(power_w_min) AS min_power_w, max(power_w_max) AS max_power_w
      FROM asked CROSS JOIN p1_5min
     WHERE device_id = ${device:sqlstring} AND $__timeFilter(bucket)
     GROUP BY 1
)
SELECT to_timestamp(at) AS "time", avg_power_w, min_power_w, max_power_w
  FROM step LEFT JOIN found USING (at)
 WHERE EXISTS (SELECT FROM found)
 ORDER BY 1
