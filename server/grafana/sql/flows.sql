-- From where to where the energy of the local days went, as far as it is known.
SELECT sum(coalesce(h.solar_to_house_kwh, d.solar_to_house_kwh)) AS solar_to_house_kwh,
       sum(coalesce(h.solar_to_battery_kwh, d.solar_to_battery_kwh)) FILTER (WHERE has_battery) AS solar_to_battery_kwh,
       sum(coalesce(h.solar_to_grid_kwh, d.solar_to_grid_kwh)) AS solar_to_grid_kwh,
       sum(coalesce(h.battery_to_house_kwh, d.battery_to_house_kwh)) FILTER (WHERE has_battery) AS battery_to_house_kwh,
       sum(coalesce(h.battery_to_grid_kwh, d.battery_to_grid_kwh)) FILTER (WHERE has_battery) AS battery_to_grid_kwh,
       sum(coalesce(h.grid_to_house_kwh, d.grid_to_house_kwh)) AS grid_to_house_kwh,
       sum(coalesce(h.grid_to_battery_kwh, d.grid_to_battery_kwh)) FILTER (WHERE has_battery) AS grid_to_battery_kwh
  FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone,
               EXISTS (SELECT FROM sungrow_local_daily
                        WHERE device_id = ${device:sqlstring} AND battery_power_w_count + battery_soc_pct_count > 0)
               AS has_battery) AS site
 CROSS JOIN sungrow_local_daily AS d
  LEFT JOIN sungrow_house_daily AS h ON h.device_id = d.device_id AND h.bucket = d.bucket AND paired_count > 0
 WHERE d.device_id = ${device:sqlstring} AND coalesce(h.flow_count, d.flow_count) > 0
   AND d.bucket >= ($__timeFrom()::timestamptz AT TIME ZONE zone)::date
   AND d.bucket <= ($__timeTo()::timestamptz AT TIME ZONE zone)::date
