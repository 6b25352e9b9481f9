-- A function, and volatile: each of its statements sees what is committed when it begins. In a single
-- statement that locks and reads, the ranges would be read as they were before the wait for the lock.
CREATE OR REPLACE FUNCTION sungrow_lock_forgotten(of_device text, first timestamptz, last timestamptz)
RETURNS TABLE (from_ts timestamptz, to_ts timestamptz) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(sungrow_device_lock(of_device));
    RETURN QUERY SELECT f.from_ts, f.to_ts FROM sungrow_forgotten f
                  WHERE f.device_id = of_device AND f.from_ts <= last AND f.to_ts > first;
END
$$;
COMMENT ON FUNCTION sungrow_lock_forgotten IS 'Shares the lock of a device until the end of the transaction; gives the forgotten ranges that touch first to last.';
