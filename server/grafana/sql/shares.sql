-- Of each local day, which share of the use was covered without the grid, and which of the yield stayed in the house:
-- by the flows, as /v1/series has them; nothing under 0.05 kWh.
SELECT "time", least(1, greatest(0, 1 - grid_to_house / nullif(house_kwh, 0))) AS self_sufficiency,
       least(1, greatest(0, 1 - solar_to_grid / nullif(solar_kwh, 0))) AS self_consumption
  FROM (SELECT sungrow_midnight(d.bucket, zone) AS "time",
               coalesce(h.grid_to_house_kwh, d.grid_to_house_kwh) AS grid_to_house,
               coalesce(h.solar_to_grid_kwh, d.solar_to_grid_kwh) AS solar_to_grid,
               CASE WHEN house >= 0.05 THEN house END AS house_kwh,
               CASE WHEN solar >= 0.05 THEN solar END AS solar_kwh
          FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone) AS site
         CROSS JOIN sungrow_local_daily AS d
          LEFT JOIN sungrow_house_daily AS h ON h.device_id = d.device_id AND h.bucket = d.bucket AND paired_count > 0
         CROSS JOIN LATERAL (
               SELECT coalesce(h.solar_to_house_kwh + h.battery_to_house_kwh + h.grid_to_house_kwh,
                               d.solar_to_house_kwh + d.battery_to_house_kwh + d.grid_to_house_kwh) AS house,
                      coalesce(h.solar_to_house_kwh + h.solar_to_battery_kwh + h.solar_to_grid_kwh,
                               d.solar_to_house_kwh + d.solar_to_battery_kwh + d.solar_to_grid_kwh) AS solar) AS flow
         WHERE d.device_id = ${device:sqlstring} AND coalesce(h.flow_count, d.flow_count) > 0
           AND d.bucket >= ($__timeFrom()::timestamptz AT TIME ZONE zone)::date
           AND d.bucket <= ($__timeTo()::timestamptz AT TIME ZONE zone)::date) AS day
 ORDER BY 1
