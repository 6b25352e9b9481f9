-- The sum of the local days that the time touches; days of which nothing is known are not in it.
SELECT sum(pv_kwh) AS pv_kwh, sum(coalesce(load_counter_kwh, load_integral_kwh)) AS load_kwh,
       sum(import_kwh) AS import_kwh, sum(export_kwh) AS export_kwh,
       sum(battery_charge_kwh) FILTER (WHERE has_battery) AS battery_charge_kwh,
       sum(battery_discharge_kwh) FILTER (WHERE has_battery) AS battery_discharge_kwh
  FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone,
               EXISTS (SELECT FROM sungrow_local_daily
                        WHERE device_id = ${device:sqlstring} AND battery_power_w_count + battery_soc_pct_count > 0)
               AS has_battery) AS site
 CROSS JOIN LATERAL sungrow_house_days(${device:sqlstring}, ($__timeFrom()::timestamptz AT TIME ZONE zone)::date,
                                       ($__timeTo()::timestamptz AT TIME ZONE zone)::date + 1)
