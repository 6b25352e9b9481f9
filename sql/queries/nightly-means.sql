-- Called by nightly/envelope: what the panels brought in each five minutes of some ranges, where readings stand for nine
-- tenths of them; by day of the year and five minutes of the day, both UTC.
SELECT extract(doy FROM bucket AT TIME ZONE 'UTC')::int AS day_of_year,
       (extract(epoch FROM bucket)::bigint %% 86400 / 300)::int AS slot, pv_power_w_sum / sample_count AS mean_w
  FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS span (starts, ends)
 CROSS JOIN LATERAL (
       SELECT bucket, pv_power_w_sum, sample_count FROM sungrow_5min
        WHERE device_id = %(device_id)s AND bucket >= starts AND bucket < ends AND covered_s >= 0.9 * 300) AS five_minutes
