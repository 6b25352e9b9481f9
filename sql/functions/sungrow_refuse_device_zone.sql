-- Days of two zones in one table would overlap, and nothing would show it. So a zone changes only while
-- no local day hangs on it: `python -m server.rebuild` takes the days away, changes the zone and cuts
-- them again, in one transaction. A client that comes with a plain UPDATE is sent there.
--
-- After triggers, so that a zone that does not exist is refused as such before.
CREATE OR REPLACE FUNCTION sungrow_refuse_device_zone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_device text := coalesce(NEW.device_id, OLD.device_id);
BEGIN
    -- A client that stores readings of the device has or shares this lock until they are committed.
    PERFORM pg_advisory_xact_lock(sungrow_device_lock(of_device));
    IF EXISTS (SELECT FROM sungrow_local_daily WHERE device_id = of_device)
       OR EXISTS (SELECT FROM p1_local_daily WHERE device_id = of_device) THEN
        RAISE EXCEPTION 'the local days of % are cut in another zone', of_device
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Run: python -m server.rebuild --device %s --timezone %s', of_device,
                                coalesce(NEW.timezone, 'site'));
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_refuse_zone_of_new AFTER INSERT ON sungrow_devices
    FOR EACH ROW WHEN (NEW.timezone IS NOT NULL) EXECUTE FUNCTION sungrow_refuse_device_zone();
CREATE OR REPLACE TRIGGER sungrow_refuse_zone AFTER UPDATE OF timezone ON sungrow_devices
    FOR EACH ROW WHEN (NEW.timezone IS DISTINCT FROM OLD.timezone)
    EXECUTE FUNCTION sungrow_refuse_device_zone();
CREATE OR REPLACE TRIGGER sungrow_refuse_zone_of_old AFTER DELETE ON sungrow_devices
    FOR EACH ROW WHEN (OLD.timezone IS NOT NULL) EXECUTE FUNCTION sungrow_refuse_device_zone();
