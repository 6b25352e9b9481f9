-- For a batch of nothing but samples: as sungrow_lock_forgotten, but an error where there is anything to leave out,
-- which undoes the batch. So lock and INSERT are one message to the database, and one transaction by themselves.
CREATE OR REPLACE FUNCTION sungrow_lock_unforgotten(of_device text, first timestamptz, last timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(sungrow_device_lock(of_device));
    IF EXISTS (SELECT FROM sungrow_forgotten f
                WHERE f.device_id = of_device AND f.from_ts <= last AND f.to_ts > first) THEN
        RAISE EXCEPTION 'a part of this time is forgotten';
    END IF;
END
$$;
COMMENT ON FUNCTION sungrow_lock_unforgotten IS 'Shares the lock of a device until the end of the transaction; raises if a forgotten range touches first to last.';
