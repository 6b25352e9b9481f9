-- Called by alerts/gather: what readings and counts say about a silence, around its end. since: its last
-- reading; until: when readings came again.
WITH newest AS (
    SELECT boot FROM sungrow_newest_sample(%(device_id)s, %(now)s)
), after AS ( -- of the boot that came back: what the one before had not sent yet comes with it
    SELECT (SELECT ts FROM sungrow_samples
             WHERE device_id = %(device_id)s AND ts > %(since)s AND ts <= %(now)s
               AND boot IS NOT DISTINCT FROM (SELECT boot FROM newest)
             ORDER BY ts LIMIT 1) AS ts
)
SELECT (SELECT boot FROM sungrow_newest_sample(%(device_id)s, %(since)s)) AS boot_before,
       (SELECT boot FROM newest) AS boot_after,
       start.states, start.faults, counted.failed, late.late, missing.lost,
       (SELECT waiting FROM sungrow_reports WHERE device_id = %(device_id)s AND kind = 'sample'
         ORDER BY received_at DESC, slot DESC LIMIT 1) AS waiting
  FROM after
 CROSS JOIN LATERAL (SELECT array_agg(DISTINCT running_state) FILTER (WHERE running_state IS NOT NULL) AS states,
                            array_agg(DISTINCT faults) FILTER (WHERE faults <> '') AS faults
                       FROM sungrow_samples
                      WHERE device_id = %(device_id)s AND ts >= after.ts AND ts < after.ts + interval '10 minutes'
                    ) AS start
 CROSS JOIN LATERAL (SELECT coalesce(sum(each.value::bigint), 0) AS failed
                       FROM sungrow_reports CROSS JOIN LATERAL jsonb_each_text(failed) AS each
                      WHERE device_id = %(device_id)s AND kind = 'sample'
                        AND slot >= sungrow_slot(%(since)s) AND slot < %(until)s) AS counted
 CROSS JOIN LATERAL (SELECT count(*) AS late FROM sungrow_samples
                      WHERE device_id = %(device_id)s AND ts > %(since)s
                        AND ts < %(until)s::timestamptz - interval '1 minute') AS late
 CROSS JOIN LATERAL sungrow_missing(%(device_id)s, %(since)s, %(until)s, 'sample') AS missing
