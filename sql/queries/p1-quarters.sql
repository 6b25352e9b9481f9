-- Called by p1/history: the quarter hours of a grid meter that may be a peak, in order.
SELECT slot, avg_power_w, estimated FROM p1_peak_quarters(%(device_id)s, %(first)s, %(end)s) ORDER BY slot
