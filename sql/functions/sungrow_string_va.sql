-- What a string gives by its own voltage and current, in VA: null where either is not known or nothing that a string can
-- have; 0 where no power flows, or none that could be told from it.
CREATE OR REPLACE FUNCTION sungrow_string_va(voltage_v double precision, current_a double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN voltage_v BETWEEN 0 AND 1500 AND current_a BETWEEN -1000 AND 1000
                THEN CASE WHEN voltage_v > 1e-2 AND current_a > 1e-3 THEN voltage_v * current_a ELSE 0 END END
$$;
