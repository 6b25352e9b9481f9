-- Called by database/deletions for ingest, before anything of a batch is stored: shares the lock of the
-- device with other batches, and gives what server.forget deleted of the time that the batch is about.
SELECT from_ts, to_ts FROM sungrow_lock_forgotten(%(device_id)s, %(first)s, %(last)s)
