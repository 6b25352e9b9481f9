-- Called by api/open_alerts: how many alerts of a device, and of the whole server, are open; nothing where alerts are
-- not used.
SELECT (SELECT count(*) FROM sungrow_alerts
         WHERE device_id IN (%(device_id)s, '') AND closed_at IS NULL AND opened_at IS NOT NULL
           AND severity <> 'info') AS open
  FROM sungrow_alert_run
