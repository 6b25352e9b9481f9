-- What each counter can rise by in an hour: three times the inverter's nominal power, where it is
-- known and at least a watt, for panels and battery; else what a sample may carry. The meter sees the
-- whole house.
CREATE OR REPLACE FUNCTION sungrow_limits_kw(of_device text) RETURNS double precision[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY[own, 400, 400, own, own]
      FROM (SELECT coalesce((SELECT CASE WHEN nominal_power_w >= 1 THEN nominal_power_w * 3 / 1000 END
                               FROM sungrow_devices WHERE device_id = of_device), 200) AS own) AS limits
$$;
