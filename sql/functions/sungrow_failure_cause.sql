-- Which cause the reason of a failed poll stands for. An exception comes from a dongle that cannot reach
-- its inverter; a dongle that holds nothing but zeros has none to ask.
CREATE OR REPLACE FUNCTION sungrow_failure_cause(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN reason = 'inverter_off' OR reason LIKE 'exception%' THEN 'inverter_off'
                WHEN reason = 'locked' THEN 'edge_down' -- it was another command's turn at the dongle
                ELSE 'dongle_silent' END
$$;
