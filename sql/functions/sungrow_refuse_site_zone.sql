-- As sungrow_refuse_device_zone, for all devices that have no zone of their own.
CREATE OR REPLACE FUNCTION sungrow_refuse_site_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Meanwhile nobody may store the first rollup in the old zone.
    LOCK TABLE sungrow_local_daily, p1_local_daily IN SHARE MODE;
    IF EXISTS (SELECT FROM (SELECT device_id FROM sungrow_local_daily UNION ALL SELECT device_id FROM p1_local_daily) AS day
                 LEFT JOIN sungrow_devices device USING (device_id)
                WHERE device.timezone IS NULL) THEN
        RAISE EXCEPTION 'local days are cut in the zone %', OLD.timezone
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Set SITE_TIMEZONE=%s and run: python -m server.rebuild', NEW.timezone);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_refuse_zone AFTER UPDATE OF timezone ON sungrow_site
    FOR EACH ROW WHEN (NEW.timezone <> OLD.timezone) EXECUTE FUNCTION sungrow_refuse_site_zone();
