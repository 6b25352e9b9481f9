-- What was deleted for good stays deleted: ingest takes no sample of such a range, whichever edge still
-- has one in its spool. Reading the ranges and writing samples is one thing, so both happen under a lock
-- of the device: shared by those who store samples, held alone by those who delete or recompute.
CREATE TABLE sungrow_forgotten (
    device_id    text NOT NULL,
    from_ts      timestamptz NOT NULL,
    to_ts        timestamptz NOT NULL CHECK (to_ts > from_ts),
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, from_ts, to_ts)
);
COMMENT ON TABLE sungrow_forgotten IS 'Ranges whose samples server.forget deleted: from_ts inclusive, to_ts exclusive. Nothing of them comes back.';

CREATE FUNCTION sungrow_device_lock(of_device text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT hashtextextended(of_device, 7368621) $$;
COMMENT ON FUNCTION sungrow_device_lock IS 'The advisory lock of a device, for pg_advisory_xact_lock and its kin.';

-- A function, and volatile: each of its statements sees what is committed when it begins. In a single
-- statement that locks and reads, the ranges would be read as they were before the wait for the lock.
CREATE FUNCTION sungrow_lock_forgotten(of_device text, first timestamptz, last timestamptz)
RETURNS TABLE (from_ts timestamptz, to_ts timestamptz) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(sungrow_device_lock(of_device));
    RETURN QUERY SELECT f.from_ts, f.to_ts FROM sungrow_forgotten f
                  WHERE f.device_id = of_device AND f.from_ts <= last AND f.to_ts > first;
END
$$;
COMMENT ON FUNCTION sungrow_lock_forgotten IS 'Shares the lock of a device until the end of the transaction; gives the forgotten ranges that touch first to last.';
