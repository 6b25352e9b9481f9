-- Called by api/alerts and metrics/endpoint: when the rules were last evaluated; nothing where alerts are not used.
SELECT finished_at FROM sungrow_alert_run
