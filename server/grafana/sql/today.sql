-- What the local day brought so far.
SELECT pv_kwh, coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh, import_kwh, export_kwh,
       CASE WHEN has_battery THEN battery_charge_kwh END AS battery_charge_kwh,
       CASE WHEN has_battery THEN battery_discharge_kwh END AS battery_discharge_kwh
  FROM (SELECT (now() AT TIME ZONE sungrow_timezone(${device:sqlstring}))::date AS today,
               EXISTS (SELECT FROM sungrow_local_daily
                        WHERE device_id = ${device:sqlstring} AND battery_power_w_count + battery_soc_pct_count > 0)
               AS has_battery) AS local
 CROSS JOIN sungrow_house_days(${device:sqlstring}, today, today + 1)
