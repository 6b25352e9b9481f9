-- Alerts of this house and of the server that touch the time; closed_at is empty while one is open.
SELECT since, closed_at, severity, rule, detail ->> 'title' AS title
  FROM sungrow_alerts
 WHERE device_id IN (${device:sqlstring}, '') AND opened_at IS NOT NULL AND since <= $__timeTo()::timestamptz
   AND (closed_at IS NULL OR closed_at >= $__timeFrom()::timestamptz)
 ORDER BY since DESC
 LIMIT 200
