-- Called by alerts/book: the episodes that are going on, and those that were closed since a moment.
SELECT * FROM sungrow_alerts WHERE device_id = ANY (%(device_ids)s) AND closed_at IS NULL
UNION ALL
SELECT * FROM sungrow_alerts WHERE device_id = ANY (%(device_ids)s) AND closed_at >= %(since)s
