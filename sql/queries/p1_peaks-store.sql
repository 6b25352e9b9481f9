-- Called by database/parts: the peak of a past month, as the grid meter itself tells it.
INSERT INTO p1_month_peaks (device_id, month, peak_ts, peak_w)
VALUES (%(device_id)s, %(month)s, %(peak_ts)s, %(peak_w)s)
ON CONFLICT (device_id, month) DO UPDATE SET
    peak_ts = excluded.peak_ts, peak_w = excluded.peak_w, received_at = now()
