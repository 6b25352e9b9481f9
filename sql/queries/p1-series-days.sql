-- Called by p1/history for days and months: keys are the first local dates of the buckets, in order, end is where
-- the last one ends. An energy is the counter's where that speaks for a day, else the integral.
SELECT keys[width_bucket(day, keys)] AS key, coalesce(sum(sample_count), 0)::bigint AS sample_count,
       sum(power_w_sum) / nullif(sum(power_w_count), 0) AS avg_power_w, max(power_w_max) AS max_power_w,
       sum(coalesce(import_kwh, CASE WHEN powered_s > 0 THEN import_integral_kwh END)) AS import_kwh,
       sum(coalesce(export_kwh, CASE WHEN power_w_count > 0 THEN export_integral_kwh END)) AS export_kwh
  FROM (SELECT %(keys)s::date[] AS keys) AS asked
 CROSS JOIN ((SELECT bucket AS day, sample_count, power_w_sum, power_w_count, power_w_max, powered_s,
                     import_integral_kwh, export_integral_kwh
                FROM p1_local_daily
               WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s) AS measured
  FULL JOIN p1_daily_energy(%(device_id)s, %(first)s, %(end)s) AS counted USING (day))
 GROUP BY 1
