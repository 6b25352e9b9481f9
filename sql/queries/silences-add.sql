-- Called by api/silences: silence a device for a while.
INSERT INTO sungrow_silences (device_id, from_ts, to_ts, why)
VALUES (%(device_id)s, %(from_ts)s, %(to_ts)s, %(why)s)
RETURNING id
