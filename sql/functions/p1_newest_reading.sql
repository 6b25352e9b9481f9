-- The newest reading of a grid meter up to a moment, as sungrow_newest_sample.sql finds a sample.
CREATE OR REPLACE FUNCTION p1_newest_reading(of_device text, latest timestamptz) RETURNS SETOF p1_samples
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    since timestamptz := (SELECT bucket FROM p1_5min WHERE device_id = of_device AND first_ts <= latest
                           ORDER BY bucket DESC LIMIT 1);
BEGIN
    RETURN QUERY SELECT * FROM p1_samples
                  WHERE device_id = of_device AND ts >= since AND ts <= latest ORDER BY ts DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM p1_samples
                      WHERE device_id = of_device AND ts <= latest ORDER BY ts DESC LIMIT 1;
    END IF;
END
$$;
COMMENT ON FUNCTION p1_newest_reading IS 'The newest reading of a grid meter up to a moment; none, or one.';
