-- Means of five minutes or more, grid and use by the grid (P1) meter where that speaks, as /v1/series has them. Each
-- step has a row, an empty one too, so that no line is drawn across what is missing.
WITH asked AS (
    SELECT greatest(300, ceil($__interval_ms / 300000.0) * 300)::bigint AS step_s
), step AS (
    SELECT generate_series(floor(extract(epoch FROM $__timeFrom()::timestamptz) / step_s)::bigint * step_s,
                           extract(epoch FROM $__timeTo()::timestamptz)::bigint, step_s) AS at
      FROM asked
), found AS (
    SELECT floor(extract(epoch FROM f.bucket) / step_s)::bigint * step_s AS at,
           sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w,
           sum(coalesce(h.load_power_w_sum, f.load_power_w_sum))
               / nullif(sum(coalesce(paired_count, sample_count - load_power_w_nulls)), 0) AS avg_load_power_w,
           sum(coalesce(h.export_power_w_sum, f.export_power_w_sum))
               / nullif(sum(coalesce(paired_count, sample_count - export_power_w_nulls)), 0) AS avg_export_power_w,
           sum(battery_power_w_sum) / nullif(sum(battery_power_w_count), 0) AS avg_battery_power_w,
           sum(battery_soc_pct_sum) / nullif(sum(battery_soc_pct_count), 0) AS avg_battery_soc_pct
      FROM asked CROSS JOIN sungrow_5min AS f
      LEFT JOIN sungrow_house_5min AS h ON h.device_id = f.device_id AND h.bucket = f.bucket AND paired_count > 0
     WHERE f.device_id = ${device:sqlstring} AND $__timeFilter(f.bucket)
     GROUP BY 1
)
SELECT to_timestamp(at) AS "time", avg_pv_power_w, avg_load_power_w, avg_export_power_w, avg_battery_power_w,
       avg_battery_soc_pct
  FROM step LEFT JOIN found USING (at)
 ORDER BY 1
