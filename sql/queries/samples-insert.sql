-- Called by store, for all samples of a batch at once.
SELECT inserted, forgotten FROM sungrow_insert_samples(%(device_id)s, %(readings)s)
