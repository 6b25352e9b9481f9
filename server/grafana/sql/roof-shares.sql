-- How much of its own expectation each string gave, over seven days: 1 is as usual, whatever the weather.
SELECT sungrow_midnight(day, sungrow_timezone(${device:sqlstring})) AS "time", 'string ' || string AS metric,
       ratio7 AS share_ratio
  FROM sungrow_roof_results
 CROSS JOIN LATERAL jsonb_to_recordset(result->'share_by_day') AS known (day date, string integer, ratio7 double precision)
 WHERE device_id = ${device:sqlstring} AND ratio7 IS NOT NULL
   AND day >= $__timeFrom()::timestamptz::date AND day <= $__timeTo()::timestamptz::date
 ORDER BY day, string
