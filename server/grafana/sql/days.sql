-- What each local day brought, at its midnight.
SELECT sungrow_midnight(day, zone) AS "time", pv_kwh, coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh,
       import_kwh, export_kwh, battery_charge_kwh, battery_discharge_kwh
  FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone) AS site
 CROSS JOIN LATERAL sungrow_house_days(${device:sqlstring}, ($__timeFrom()::timestamptz AT TIME ZONE zone)::date,
                                       ($__timeTo()::timestamptz AT TIME ZONE zone)::date + 1)
 ORDER BY 1
