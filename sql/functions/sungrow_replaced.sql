-- When another inverter took over.
CREATE OR REPLACE FUNCTION sungrow_replaced(of_device text) RETURNS timestamptz[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT since FROM sungrow_inverters
                  WHERE device_id = of_device AND isfinite(since) ORDER BY since)
$$;
