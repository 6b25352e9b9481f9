-- A counter that stands still, or was served for a part of the day only, says nothing about a day of
-- which the powers say more.
CREATE OR REPLACE FUNCTION sungrow_believed(counter_kwh double precision, integral_kwh double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN integral_kwh > 0.5 AND counter_kwh < integral_kwh / 2 THEN NULL
                ELSE counter_kwh END
$$;
