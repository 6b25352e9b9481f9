-- Called by database/parts: the edge's counts of one quarter hour; they only grow, so the last one counts.
INSERT INTO sungrow_reports (device_id, kind, boot, slot, polled, failed, waiting, oldest_unsent_ts, parked,
                             clock)
VALUES (%(device_id)s, %(kind)s, %(boot)s, %(slot)s, %(polled)s, %(failed)s, %(waiting)s,
        %(oldest_unsent_ts)s, %(parked)s, %(clock)s)
ON CONFLICT (device_id, kind, boot, slot) DO UPDATE SET
    polled = excluded.polled, failed = excluded.failed, waiting = excluded.waiting,
    oldest_unsent_ts = excluded.oldest_unsent_ts, parked = excluded.parked, clock = excluded.clock,
    received_at = now()
