-- How much later than its grid meter the inverter of a house reports the grid, in seconds.
CREATE OR REPLACE FUNCTION sungrow_p1_lag_s(of_device text) RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT p1_lag_s FROM sungrow_devices WHERE device_id = of_device), 0)
$$;
