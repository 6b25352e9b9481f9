-- Houses whose two meters disagree on what the day before imported, by more than 1 kWh and a tenth: value is by how
-- many kWh.
SELECT device_id, abs(p.import_kwh - d.import_counter_kwh) AS value
  FROM (SELECT device_id, (now() AT TIME ZONE sungrow_timezone(device_id))::date AS today
          FROM (SELECT DISTINCT device_id FROM p1_local_daily WHERE bucket >= (now() - interval '3 days')::date) AS p1
       ) AS house
 CROSS JOIN LATERAL p1_daily_energy(device_id, today - 1, today) AS p
 CROSS JOIN LATERAL sungrow_daily_energy(device_id, today - 1, today) AS d
 WHERE p.day = d.day AND abs(p.import_kwh - d.import_counter_kwh) > greatest(1, 0.1 * p.import_kwh)
 ORDER BY 1
