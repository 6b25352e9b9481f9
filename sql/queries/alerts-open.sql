-- Called by metrics/endpoint: how many episodes go on, by their severity.
SELECT severity, count(*) FROM sungrow_alerts
 WHERE closed_at IS NULL AND opened_at IS NOT NULL AND device_id = ANY (%(device_ids)s)
 GROUP BY severity
