-- How many houses there are, and how many of them sent nothing within ten minutes.
SELECT count(*) AS houses, count(*) FILTER (WHERE last_ts IS NULL OR last_ts < now() - interval '10 minutes') AS silent
  FROM (SELECT device_id FROM sungrow_devices UNION SELECT device_id FROM sungrow_local_daily
        UNION SELECT device_id FROM p1_local_daily) AS house
  LEFT JOIN LATERAL (
        SELECT last_ts FROM sungrow_5min AS f
         WHERE f.device_id = house.device_id AND first_ts <= now() + interval '1 minute'
         ORDER BY bucket DESC LIMIT 1) AS newest ON true
HAVING count(*) > 0
