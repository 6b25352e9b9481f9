-- Called by p1/history for hours: keys are the starts of the buckets, in order, end is where the last one ends.
-- An energy is what the counter rose by from one end of the bucket to the other, else the integral.
SELECT key, sample_count, avg_power_w, max_power_w,
       coalesce(i.counted, import_integral_kwh) AS import_kwh, coalesce(e.counted, export_integral_kwh) AS export_kwh
  FROM (SELECT keys[width_bucket(bucket, keys)] AS key, sum(sample_count)::bigint AS sample_count,
               sum(power_w_sum) / nullif(sum(power_w_count), 0) AS avg_power_w, max(power_w_max) AS max_power_w,
               CASE WHEN sum(powered_s) > 0 THEN sum(import_integral_kwh) END AS import_integral_kwh,
               CASE WHEN sum(power_w_count) > 0 THEN sum(export_integral_kwh) END AS export_integral_kwh
          FROM p1_5min CROSS JOIN (SELECT %(keys)s::timestamptz[] AS keys) AS asked
         WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
         GROUP BY 1) AS measured
  LEFT JOIN p1_between(%(device_id)s, 'import', %(keys)s::timestamptz[] || %(end)s::timestamptz) AS i
         ON i.starts = key
  LEFT JOIN p1_between(%(device_id)s, 'export', %(keys)s::timestamptz[] || %(end)s::timestamptz) AS e
         ON e.starts = key
