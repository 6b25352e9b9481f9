-- The mean import of each quarter hour, of the last 31 days of the time, beside the month's highest: what tariffs by
-- peak go by. Of a quarter with a gap nothing is said.
WITH site AS (
    SELECT sungrow_timezone(${device:sqlstring}) AS zone,
           greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - interval '31 days') AS first
), quarter AS (
    SELECT slot, zone, CASE WHEN exact THEN import_wh * 4 END AS avg_power_w
      FROM site CROSS JOIN LATERAL p1_quarter(${device:sqlstring}, first, $__timeTo()::timestamptz)
), peak AS (
    SELECT month, avg_power_w AS highest_w FROM p1_month_peak_quarters
     WHERE device_id = ${device:sqlstring} AND place = 1
       AND month IN (SELECT date_trunc('month', slot AT TIME ZONE zone)::date FROM quarter)
)
SELECT slot AS "time", avg_power_w, highest_w
  FROM quarter LEFT JOIN peak ON month = date_trunc('month', slot AT TIME ZONE zone)::date
 ORDER BY 1
