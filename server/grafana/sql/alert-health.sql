-- Houses whose battery reports at least two points less health than a week before.
SELECT device_id, (before.battery_soh_pct - newest.battery_soh_pct)::double precision AS value
  FROM (SELECT DISTINCT device_id FROM sungrow_local_daily) AS house
 CROSS JOIN LATERAL (SELECT battery_soh_pct
                       FROM sungrow_newest_sample(device_id, now() + interval '1 minute')) AS newest
 CROSS JOIN LATERAL (SELECT battery_soh_pct
                       FROM sungrow_newest_sample(device_id, now() - interval '7 days')) AS before
 WHERE before.battery_soh_pct - newest.battery_soh_pct >= 2
 ORDER BY 1
