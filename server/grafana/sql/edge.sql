-- What the edge last reported of itself, for inverter (sample) and grid meter (p1).
SELECT DISTINCT ON (kind) kind, received_at, clock, waiting, oldest_unsent_ts, parked, spool_state, spool_used_pct,
       disk_free_mb, cert_days, uptime_s, restarts_24h, last_poll_error, last_upload_error
  FROM sungrow_reports
 WHERE device_id = ${device:sqlstring}
 ORDER BY kind, received_at DESC, slot DESC
