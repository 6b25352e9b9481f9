-- Houses that sent nothing for ten minutes, but those whose inverter is off, as at night without a battery.
SELECT device_id, age_s AS value
  FROM (SELECT DISTINCT device_id FROM sungrow_local_daily) AS house
 CROSS JOIN LATERAL (
        SELECT last_ts, extract(epoch FROM now() - last_ts)::double precision AS age_s FROM sungrow_5min AS f
         WHERE f.device_id = house.device_id AND first_ts <= now() + interval '1 minute'
         ORDER BY bucket DESC LIMIT 1) AS newest
 WHERE age_s > 600
   AND 'inverter_off' IS DISTINCT FROM (
       SELECT cause FROM sungrow_gap_list(device_id, greatest(last_ts, now() - interval '2 days'), now())
        ORDER BY to_ts DESC LIMIT 1)
 ORDER BY 1
