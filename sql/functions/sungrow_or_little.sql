-- A counter that says nothing can be taken for the integral where that is small: an export of 0 is
-- not read, and a house that has never exported has no other.
CREATE OR REPLACE FUNCTION sungrow_or_little(counter_kwh double precision, integral_kwh double precision,
                                  little_kwh double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN integral_kwh <= little_kwh THEN coalesce(counter_kwh, integral_kwh)
                ELSE counter_kwh END
$$;
