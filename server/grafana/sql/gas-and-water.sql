-- Gas and water of each local day, where the grid (P1) meter passes them on.
SELECT sungrow_midnight(day, zone) AS "time", gas_m3, water_m3
  FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone) AS site
 CROSS JOIN LATERAL p1_daily_energy(${device:sqlstring}, ($__timeFrom()::timestamptz AT TIME ZONE zone)::date,
                                    ($__timeTo()::timestamptz AT TIME ZONE zone)::date + 1)
 WHERE num_nonnulls(gas_m3, water_m3) > 0
 ORDER BY 1
