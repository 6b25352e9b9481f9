-- What the local day brought so far.
SELECT pv_kwh, coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh, import_kwh, export_kwh, battery_charge_kwh,
       battery_discharge_kwh
  FROM (SELECT (now() AT TIME ZONE sungrow_timezone(${device:sqlstring}))::date AS today) AS local
 CROSS JOIN sungrow_house_days(${device:sqlstring}, today, today + 1)
