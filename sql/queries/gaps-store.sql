-- Called by database/parts: a span without readings that the edge knows the cause of.
INSERT INTO sungrow_gaps (device_id, kind, from_ts, to_ts, cause, count)
VALUES (%(device_id)s, %(kind)s, %(from_ts)s, %(to_ts)s, %(cause)s, %(count)s)
ON CONFLICT (device_id, kind, from_ts, cause) DO UPDATE SET
    to_ts = excluded.to_ts, count = excluded.count, received_at = now()
