-- Called by nightly/battery_rows: how long the battery was in which bands, by local months; the bands as they are stored, by
-- their lower edges.
SELECT to_char(bucket AT TIME ZONE %(timezone)s, 'YYYY-MM') AS month, soc_from_pct, temp_from_c, rate_from_1_h, direction,
       sum(seconds) AS seconds
  FROM sungrow_battery_hourly CROSS JOIN LATERAL unnest(bands) AS band
 WHERE device_id = %(device_id)s
 GROUP BY 1, 2, 3, 4, 5
 ORDER BY 1, 2, 3, 4, 5
