-- Import and export of each local day by both meters: they should agree.
SELECT sungrow_midnight(day, zone) AS "time", import_p1_kwh, import_counter_kwh, export_p1_kwh, export_counter_kwh
  FROM (SELECT zone, ($__timeFrom()::timestamptz AT TIME ZONE zone)::date AS first,
               ($__timeTo()::timestamptz AT TIME ZONE zone)::date + 1 AS until
          FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone) AS known) AS site
 CROSS JOIN LATERAL (
       SELECT day, p.import_kwh AS import_p1_kwh, import_counter_kwh, p.export_kwh AS export_p1_kwh, export_counter_kwh
         FROM sungrow_daily_energy(${device:sqlstring}, first, until)
         FULL JOIN p1_daily_energy(${device:sqlstring}, first, until) AS p USING (day)) AS both_meters
 WHERE num_nonnulls(import_p1_kwh, import_counter_kwh, export_p1_kwh, export_counter_kwh) > 0
 ORDER BY 1
