-- What each string gives: means of five minutes or more. Each step has a row of each string, an empty one too, so that
-- no line is drawn across what is missing.
WITH asked AS (
    SELECT greatest(300, ceil($__interval_ms / 300000.0) * 300)::bigint AS step_s
), step AS (
    SELECT generate_series(floor(extract(epoch FROM $__timeFrom()::timestamptz) / step_s)::bigint * step_s,
                           extract(epoch FROM $__timeTo()::timestamptz)::bigint, step_s) AS at
      FROM asked
), found AS (
    SELECT floor(extract(epoch FROM bucket) / step_s)::bigint * step_s AS at, string, sum(p_sum) / sum(n) AS avg_power_w
      FROM asked CROSS JOIN sungrow_strings_5min
     WHERE device_id = ${device:sqlstring} AND $__timeFilter(bucket)
     GROUP BY 1, 2
)
SELECT to_timestamp(at) AS "time", 'string ' || string AS metric, avg_power_w
  FROM step CROSS JOIN (SELECT DISTINCT string FROM found) AS there LEFT JOIN found USING (at, string)
 ORDER BY 1, 2
