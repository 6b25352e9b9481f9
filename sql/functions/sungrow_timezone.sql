-- The zone of a device's local days.
CREATE OR REPLACE FUNCTION sungrow_timezone(of_device text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT timezone FROM sungrow_devices WHERE device_id = of_device), timezone)
      FROM sungrow_site
$$;
