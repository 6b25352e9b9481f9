-- Called by database/parts: the edge's counts of one quarter hour; they only grow, so the last one counts.
INSERT INTO sungrow_reports (device_id, kind, boot, slot, polled, failed, waiting, oldest_unsent_ts, parked,
                             clock, spool_state, spool_used_pct, disk_free_mb, ring_count, thinned,
                             unsalvaged, uptime_s, restarts_24h, last_poll_error, last_upload_error,
                             cert_days, throttled, ip_failures, upgrading)
VALUES (%(device_id)s, %(kind)s, %(boot)s, %(slot)s, %(polled)s, %(failed)s, %(waiting)s,
        %(oldest_unsent_ts)s, %(parked)s, %(clock)s, %(spool_state)s, %(spool_used_pct)s, %(disk_free_mb)s,
        %(ring_count)s, %(thinned)s, %(unsalvaged)s, %(uptime_s)s, %(restarts_24h)s, %(last_poll_error)s,
        %(last_upload_error)s, %(cert_days)s, %(throttled)s, %(ip_failures)s, %(upgrading)s)
ON CONFLICT (device_id, kind, boot, slot) DO UPDATE SET
    polled = excluded.polled, failed = excluded.failed, waiting = excluded.waiting,
    oldest_unsent_ts = excluded.oldest_unsent_ts, parked = excluded.parked, clock = excluded.clock,
    spool_state = excluded.spool_state, spool_used_pct = excluded.spool_used_pct,
    disk_free_mb = excluded.disk_free_mb, ring_count = excluded.ring_count, thinned = excluded.thinned,
    unsalvaged = excluded.unsalvaged, uptime_s = excluded.uptime_s, restarts_24h = excluded.restarts_24h,
    last_poll_error = excluded.last_poll_error, last_upload_error = excluded.last_upload_error,
    cert_days = excluded.cert_days, throttled = excluded.throttled, ip_failures = excluded.ip_failures,
    upgrading = excluded.upgrading, received_at = now()
