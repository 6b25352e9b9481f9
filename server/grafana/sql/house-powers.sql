-- The yield of each house, a line each; a row for each step of each house, as in powers.
WITH asked AS (
    SELECT greatest(300, ceil($__interval_ms / 300000.0) * 300)::bigint AS step_s
), found AS (
    SELECT device_id, floor(extract(epoch FROM bucket) / step_s)::bigint * step_s AS at,
           sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w
      FROM asked CROSS JOIN sungrow_5min
     WHERE $__timeFilter(bucket)
     GROUP BY 1, 2
), step AS (
    SELECT device_id, generate_series(floor(extract(epoch FROM $__timeFrom()::timestamptz) / step_s)::bigint * step_s,
                                      extract(epoch FROM $__timeTo()::timestamptz)::bigint, step_s) AS at
      FROM asked CROSS JOIN (SELECT DISTINCT device_id FROM found) AS house
)
SELECT to_timestamp(at) AS "time", device_id AS metric, avg_pv_power_w
  FROM step LEFT JOIN found USING (device_id, at)
 ORDER BY 1, 2
