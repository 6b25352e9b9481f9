-- Temperature, health as the battery reports it, and voltage at rest, of an hour or more. Each step has a row, an empty
-- one too, so that no line is drawn across what is missing.
WITH asked AS (
    SELECT greatest(3600, ceil($__interval_ms / 3600000.0) * 3600)::bigint AS step_s
), step AS (
    SELECT generate_series(floor(extract(epoch FROM $__timeFrom()::timestamptz) / step_s)::bigint * step_s,
                           extract(epoch FROM $__timeTo()::timestamptz)::bigint, step_s) AS at
      FROM asked
), found AS (
    SELECT floor(extract(epoch FROM bucket) / step_s)::bigint * step_s AS at,
           min(temp_c_min) AS min_battery_temp_c, sum(temp_c_sum) / nullif(sum(temp_c_count), 0) AS avg_battery_temp_c,
           max(temp_c_max) AS max_battery_temp_c, sum(rest_v_sum) / nullif(sum(rest_v_count), 0) AS rest_v,
           sum(soh_pct_sum) / nullif(sum(soh_pct_count), 0) AS avg_battery_soh_pct
      FROM asked CROSS JOIN sungrow_battery_hourly
     WHERE device_id = ${device:sqlstring} AND $__timeFilter(bucket)
     GROUP BY 1
)
SELECT to_timestamp(at) AS "time", min_battery_temp_c, avg_battery_temp_c, max_battery_temp_c, rest_v, avg_battery_soh_pct
  FROM step LEFT JOIN found USING (at)
 ORDER BY 1
