-- Houses whose running quarter hour has already imported nine tenths of what the month's highest one has: value is
-- that share.
SELECT device_id, import_wh * 4 / highest.avg_power_w AS value
  FROM (SELECT DISTINCT device_id FROM p1_local_daily WHERE bucket >= (now() - interval '2 days')::date) AS house
 CROSS JOIN LATERAL p1_quarter(device_id, sungrow_slot(now()), sungrow_slot(now()) + interval '15 minutes')
 CROSS JOIN LATERAL (
        SELECT avg_power_w FROM p1_month_peak_quarters AS q
         WHERE q.device_id = house.device_id AND slot < sungrow_slot(now())
           AND month = date_trunc('month', now() AT TIME ZONE sungrow_timezone(house.device_id))::date
         ORDER BY place LIMIT 1) AS highest
 WHERE highest.avg_power_w > 0 AND import_wh * 4 > 0.9 * highest.avg_power_w
 ORDER BY 1
