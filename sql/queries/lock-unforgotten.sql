-- Called by database/deletions for a batch of nothing but samples, in one message with its INSERT: shares the lock
-- of the device with other batches, and raises where server.forget deleted something of the batch's time.
SELECT sungrow_lock_unforgotten(%(device_id)s, %(first)s, %(last)s)
