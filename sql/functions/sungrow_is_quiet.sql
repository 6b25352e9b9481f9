-- Whether the readings of ten minutes lie between two moments of a device. Times without readings do not count; of
-- the five minutes in which a moment lies, those readings count that are on its inner side.
CREATE OR REPLACE FUNCTION sungrow_is_quiet(of_device text, after timestamptz, until timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    five record;
    quiet_s double precision := 0;
    known_s double precision;
BEGIN
    IF until < after + interval '10 minutes' THEN RETURN false; END IF;
    FOR five IN
        SELECT first_ts, last_ts, covered_s FROM sungrow_5min
         WHERE device_id = of_device AND bucket < until AND last_ts > after
           AND bucket >= date_bin('5 minutes', after, '2000-01-01 00:00Z') ORDER BY bucket
    LOOP
        known_s := five.covered_s;
        IF five.first_ts <= after THEN
            known_s := least(known_s - extract(epoch FROM after - five.first_ts),
                             extract(epoch FROM five.last_ts - after));
        END IF;
        IF five.last_ts >= until THEN
            known_s := least(known_s - extract(epoch FROM five.last_ts - until),
                             extract(epoch FROM until - five.first_ts));
        END IF;
        quiet_s := quiet_s + greatest(known_s, 0);
        IF quiet_s >= 600 THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION sungrow_is_quiet IS 'Whether there are readings of ten minutes between two moments of a device.';
