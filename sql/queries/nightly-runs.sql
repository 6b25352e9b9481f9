-- Called by database/health: when each job last succeeded for each of these devices, of those that have had readings
-- for longer than two nights.
SELECT job, device_id, finished_at
  FROM unnest(%(device_ids)s::text[]) AS asked (device_id)
 CROSS JOIN unnest(%(jobs)s::text[]) AS known (job)
  LEFT JOIN sungrow_nightly_runs AS run USING (job, device_id)
 WHERE EXISTS (SELECT FROM sungrow_5min AS f
                WHERE f.device_id = asked.device_id AND bucket < now() - interval '36 hours')
 ORDER BY job, device_id
