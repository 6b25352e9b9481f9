-- Which part of the readings that each of the last 31 local days of the time had room for is stored, a line a house.
SELECT sungrow_midnight(day, sungrow_timezone(device_id)) AS "time", device_id AS metric,
       least(1, stored::double precision / nullif(expected, 0)) AS completeness
  FROM sungrow_completeness
 WHERE day > ($__timeTo()::timestamptz - interval '31 days')::date AND day >= $__timeFrom()::timestamptz::date
   AND day <= $__timeTo()::timestamptz::date
 ORDER BY 1, 2
