-- Whether the powers contradict a step of a counter from one poll to the next. It may be written some minutes late,
-- with a car at the charger.
CREATE OR REPLACE FUNCTION sungrow_contradicts(kwh double precision, in_s double precision, power_kwh double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT kwh - 0.3 > 1.3 * power_kwh * (1 + 600 / in_s)
$$;
