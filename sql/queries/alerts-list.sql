-- Called by api/alerts: the episodes of a device, and of the whole server, that touch a range of time. Those that
-- go on and those that are over are found by an index each.
WITH found AS (
    SELECT * FROM sungrow_alerts WHERE device_id IN (%(device_id)s, '') AND closed_at IS NULL
    UNION ALL
    SELECT * FROM sungrow_alerts WHERE device_id IN (%(device_id)s, '') AND closed_at >= %(first)s
)
SELECT id, device_id, rule, key, severity, state, since, opened_at, closed_at,
       detail ->> 'title' AS title, detail ->> 'text' AS text, detail -> 'values' AS values
  FROM found
 WHERE since < %(end)s AND state = ANY (%(states)s) AND (opened_at IS NOT NULL OR state = 'pending')
 ORDER BY since DESC, id DESC
 LIMIT %(most)s
