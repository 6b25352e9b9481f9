-- Called by database/parts: a reading that can never be a sample, with the reason.
INSERT INTO sungrow_parked (device_id, kind, boot, seq, ts, reason, content)
VALUES (%(device_id)s, %(kind)s, %(boot)s, %(seq)s, %(ts)s, %(reason)s, %(content)s)
ON CONFLICT (device_id, kind, boot, seq) DO UPDATE SET
    ts = excluded.ts, reason = excluded.reason, content = excluded.content, received_at = now()
