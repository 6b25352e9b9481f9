-- Called by database/health, for the doctor: what is known of the grid meter of each of these devices that has one;
-- parked and lost of the last seven days. A reading from the future (a clock ran ahead) is none of the newest.
SELECT device_id, newest.ts AS newest_ts, parked.count AS parked, missing.lost
  FROM unnest(%(device_ids)s::text[]) AS asked (device_id)
 CROSS JOIN LATERAL (
        SELECT least(last_ts, now() + interval '1 minute') AS ts FROM p1_5min AS f
         WHERE f.device_id = asked.device_id AND first_ts <= now() + interval '1 minute'
         ORDER BY bucket DESC LIMIT 1) AS newest
 CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM sungrow_parked AS p
         WHERE p.device_id = asked.device_id AND kind = 'p1'
           AND coalesce(ts, received_at) > now() - interval '7 days') AS parked
 CROSS JOIN LATERAL sungrow_missing(asked.device_id, sungrow_slot(now() - interval '7 days'),
                                    sungrow_slot(now()) + interval '15 minutes', 'p1') AS missing
 ORDER BY device_id
