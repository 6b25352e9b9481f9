-- What was deleted for good stays deleted: reading the forgotten ranges and writing samples is one thing, so
-- both happen under this lock: shared by those who store samples, held alone by those who delete or recompute.
CREATE OR REPLACE FUNCTION sungrow_device_lock(of_device text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT hashtextextended(of_device, 7368621) $$;
COMMENT ON FUNCTION sungrow_device_lock IS 'The advisory lock of a device, for pg_advisory_xact_lock and its kin.';
