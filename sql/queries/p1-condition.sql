-- Called by database/health, for metrics, doctor and status: what is known of the grid meter of each of these devices
-- that has one; waiting as the edge last reported, parked and lost of the last seven days. A reading from the future
-- (a clock ran ahead) is none of the newest; there is none where all that was ever sent is parked.
SELECT device_id, newest.ts AS newest_ts, report.received_at AS reported_at, report.waiting,
       parked.count AS parked, missing.lost
  FROM unnest(%(device_ids)s::text[]) AS asked (device_id)
  LEFT JOIN LATERAL (
        SELECT least(last_ts, now() + interval '1 minute') AS ts FROM p1_5min AS f
         WHERE f.device_id = asked.device_id AND first_ts <= now() + interval '1 minute'
         ORDER BY bucket DESC LIMIT 1) AS newest ON true
  LEFT JOIN LATERAL (
        SELECT received_at, waiting FROM sungrow_reports AS r
         WHERE r.device_id = asked.device_id AND kind = 'p1'
         ORDER BY received_at DESC, slot <= now() DESC, slot DESC LIMIT 1) AS report ON true
 CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM sungrow_parked AS p
         WHERE p.device_id = asked.device_id AND kind = 'p1'
           AND coalesce(ts, received_at) > now() - interval '7 days') AS parked
 CROSS JOIN LATERAL sungrow_missing(asked.device_id, sungrow_slot(now() - interval '7 days'),
                                    sungrow_slot(now()) + interval '15 minutes', 'p1') AS missing
 WHERE newest.ts IS NOT NULL OR report.received_at IS NOT NULL OR parked.count > 0
 ORDER BY device_id
