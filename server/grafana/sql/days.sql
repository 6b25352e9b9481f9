-- What each local day brought, at its midnight. A house without a battery has no energy of one, which is not 0.
SELECT sungrow_midnight(day, zone) AS "time", pv_kwh, coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh,
       import_kwh, export_kwh, CASE WHEN has_battery THEN battery_charge_kwh END AS battery_charge_kwh,
       CASE WHEN has_battery THEN battery_discharge_kwh END AS battery_discharge_kwh
  FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone,
               EXISTS (SELECT FROM sungrow_local_daily
                        WHERE device_id = ${device:sqlstring} AND battery_power_w_count + battery_soc_pct_count > 0)
               AS has_battery) AS site
 CROSS JOIN LATERAL sungrow_house_days(${device:sqlstring}, ($__timeFrom()::timestamptz AT TIME ZONE zone)::date,
                                       ($__timeTo()::timestamptz AT TIME ZONE zone)::date + 1)
 ORDER BY 1
