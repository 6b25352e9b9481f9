-- Every house, and how it is: today's readings against what there was time for, what was lost in seven days, what
-- waits at the edge. faults_open is empty where the dongle has never shown a fault and may be unable to, alerts_open
-- where alerts are not used.
SELECT device_id, facts.name, age_s, least(1, stored::double precision / nullif(expected, 0)) AS completeness, lost,
       waiting, parked, faults_open, alerts_open, facts.edge_version, facts.model
  FROM (SELECT device_id FROM sungrow_devices UNION SELECT device_id FROM sungrow_local_daily
        UNION SELECT device_id FROM p1_local_daily) AS house
  LEFT JOIN sungrow_devices AS facts USING (device_id)
  LEFT JOIN LATERAL (
        SELECT greatest(extract(epoch FROM now() - last_ts), 0)::double precision AS age_s FROM sungrow_5min AS f
         WHERE f.device_id = house.device_id AND first_ts <= now() + interval '1 minute'
         ORDER BY bucket DESC LIMIT 1) AS newest ON true
 CROSS JOIN LATERAL (
        SELECT stored, expected
          FROM sungrow_day_completeness(device_id, (now() AT TIME ZONE sungrow_timezone(device_id))::date)) AS today
  LEFT JOIN LATERAL (
        SELECT waiting, parked FROM sungrow_reports AS r
         WHERE r.device_id = house.device_id AND kind = 'sample' ORDER BY received_at DESC, slot DESC LIMIT 1) AS report
         ON true
 CROSS JOIN LATERAL (
        SELECT lost FROM sungrow_missing(device_id, sungrow_slot(now() - interval '7 days'),
                                         sungrow_slot(now()) + interval '15 minutes', 'sample')) AS missing
 CROSS JOIN LATERAL (
        SELECT CASE WHEN EXISTS (SELECT FROM sungrow_fault_5min AS f WHERE f.device_id = house.device_id) THEN (
               SELECT count(*) FROM sungrow_fault_episodes AS f
                WHERE f.device_id = house.device_id AND to_ts IS NULL) END AS faults_open) AS faults
 CROSS JOIN LATERAL (
        SELECT CASE WHEN EXISTS (SELECT FROM sungrow_alert_run) THEN (
               SELECT count(*) FROM sungrow_alerts AS a
                WHERE a.device_id = house.device_id AND closed_at IS NULL AND opened_at IS NOT NULL) END AS alerts_open
        ) AS alerts
 ORDER BY age_s DESC NULLS FIRST, device_id
