-- Where a rebuild finds the devices: one step in the index for each, not one for each row.
CREATE OR REPLACE FUNCTION sungrow_known_devices() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE sampled AS (
        SELECT min(device_id) AS device_id FROM sungrow_samples
        UNION ALL
        SELECT (SELECT min(s.device_id) FROM sungrow_samples s WHERE s.device_id > sampled.device_id)
          FROM sampled WHERE sampled.device_id IS NOT NULL
    ), metered AS (
        SELECT min(device_id) AS device_id FROM p1_samples
        UNION ALL
        SELECT (SELECT min(s.device_id) FROM p1_samples s WHERE s.device_id > metered.device_id)
          FROM metered WHERE metered.device_id IS NOT NULL
    )
    SELECT device_id FROM sampled WHERE device_id IS NOT NULL
    UNION SELECT device_id FROM metered WHERE device_id IS NOT NULL
    UNION SELECT device_id FROM sungrow_local_daily
    UNION SELECT device_id FROM p1_local_daily
    UNION SELECT device_id FROM sungrow_devices
    ORDER BY 1
$$;
COMMENT ON FUNCTION sungrow_known_devices IS 'Every device that ever sent anything.';
