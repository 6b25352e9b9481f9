-- Called by database/health, for metrics and doctor: what is known of each of these devices; waiting and parked
-- as the edge last reported, lost of the last seven days. A sample from the future (a clock ran ahead) is not one
-- of the newest.
SELECT device_id, newest.ts AS newest_ts, device.edge_version, report.received_at AS reported_at,
       report.waiting, report.parked, missing.lost
  FROM unnest(%(device_ids)s::text[]) AS asked (device_id)
  LEFT JOIN sungrow_devices AS device USING (device_id)
  LEFT JOIN LATERAL (
        SELECT least(last_ts, now() + interval '1 minute') AS ts FROM sungrow_5min AS f
         WHERE f.device_id = asked.device_id AND first_ts <= now() + interval '1 minute'
         ORDER BY bucket DESC LIMIT 1) AS newest ON true
  LEFT JOIN LATERAL (
        SELECT received_at, waiting, parked FROM sungrow_reports AS r
         WHERE r.device_id = asked.device_id AND kind = 'sample'
         ORDER BY received_at DESC, slot <= now() DESC, slot DESC LIMIT 1) AS report ON true
 CROSS JOIN LATERAL sungrow_missing(asked.device_id, sungrow_slot(now() - interval '7 days'),
                                    sungrow_slot(now()) + interval '15 minutes', 'sample') AS missing
 ORDER BY device_id
