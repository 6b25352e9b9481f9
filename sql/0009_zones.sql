-- Days of two zones in one table would overlap, and nothing would show it. So a zone changes only while
-- no local day hangs on it: `python -m server.rebuild` takes the days away, changes the zone and cuts
-- them anew, in one transaction. Whoever comes with a plain UPDATE is sent there.
--
-- What would stand in the way of a distributed PostgreSQL (Citus), beside what 0001 names, though every key
-- and every join begins with device_id:
-- - statement triggers (0003, 0006): allowed on shards only by a setting that calls them unsafe, fired once a
--   shard; and their functions, like the triggers below, reach other tables by name, which a task on a
--   shard may not. Ingest would have to run the same statements itself.
-- - sungrow_site: a reference table; LOCK TABLE and the change of its zone reach over all shards.
-- - the advisory lock of a device (0005) holds on one node: all who store, forget or rebuild a device would
--   have to come by the same one.
-- - functions in PL/pgSQL of several statements: each would have to be told that of_device says where it
--   runs; the type sungrow_counters has to be on all nodes.
-- - schema_migrations stays on the coordinator; TimescaleDB's chunks, columnstore and aggregates are not to be
--   had beside shards, so it would be the plain edition.
--
-- After triggers, so that a zone that does not exist is refused as such before.
CREATE FUNCTION sungrow_refuse_device_zone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_device text := coalesce(NEW.device_id, OLD.device_id);
BEGIN
    -- Whoever stores samples of the device shares this lock until they are committed.
    PERFORM pg_advisory_xact_lock(sungrow_device_lock(of_device));
    IF EXISTS (SELECT FROM sungrow_local_daily WHERE device_id = of_device) THEN
        RAISE EXCEPTION 'the local days of % are cut in another zone', of_device
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Run: python -m server.rebuild --device %s --timezone %s', of_device,
                                coalesce(NEW.timezone, 'site'));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER sungrow_refuse_zone_of_new AFTER INSERT ON sungrow_devices
    FOR EACH ROW WHEN (NEW.timezone IS NOT NULL) EXECUTE FUNCTION sungrow_refuse_device_zone();
CREATE TRIGGER sungrow_refuse_zone AFTER UPDATE OF timezone ON sungrow_devices
    FOR EACH ROW WHEN (NEW.timezone IS DISTINCT FROM OLD.timezone)
    EXECUTE FUNCTION sungrow_refuse_device_zone();
CREATE TRIGGER sungrow_refuse_zone_of_old AFTER DELETE ON sungrow_devices
    FOR EACH ROW WHEN (OLD.timezone IS NOT NULL) EXECUTE FUNCTION sungrow_refuse_device_zone();

CREATE FUNCTION sungrow_refuse_site_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Meanwhile nobody may store the first rollup in the old zone.
    LOCK TABLE sungrow_local_daily IN SHARE MODE;
    IF EXISTS (SELECT FROM sungrow_local_daily LEFT JOIN sungrow_devices device USING (device_id)
                WHERE device.timezone IS NULL) THEN
        RAISE EXCEPTION 'local days are cut in the zone %', OLD.timezone
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Set SITE_TIMEZONE=%s and run: python -m server.rebuild', NEW.timezone);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER sungrow_refuse_zone AFTER UPDATE OF timezone ON sungrow_site
    FOR EACH ROW WHEN (NEW.timezone <> OLD.timezone) EXECUTE FUNCTION sungrow_refuse_site_zone();

-- Where a rebuild finds the devices: one step in the index for each, not one for each row.
CREATE FUNCTION sungrow_known_devices() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE sampled AS (
        SELECT min(device_id) AS device_id FROM sungrow_samples
        UNION ALL
        SELECT (SELECT min(s.device_id) FROM sungrow_samples s WHERE s.device_id > sampled.device_id)
          FROM sampled WHERE sampled.device_id IS NOT NULL
    )
    SELECT device_id FROM sampled WHERE device_id IS NOT NULL
    UNION SELECT device_id FROM sungrow_local_daily
    UNION SELECT device_id FROM sungrow_devices
    ORDER BY 1
$$;
COMMENT ON FUNCTION sungrow_known_devices IS 'Every device that ever sent anything.';
