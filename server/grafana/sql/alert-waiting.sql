-- Houses whose edge has more than 120 readings that wait, ten minutes of them, by a report of the last hour.
SELECT device_id, waiting::double precision AS value
  FROM (SELECT DISTINCT device_id FROM sungrow_local_daily) AS house
 CROSS JOIN LATERAL (
        SELECT waiting, received_at FROM sungrow_reports AS r
         WHERE r.device_id = house.device_id AND kind = 'sample' ORDER BY received_at DESC, slot DESC LIMIT 1) AS report
 WHERE waiting > 120 AND received_at > now() - interval '1 hour'
 ORDER BY 1
