-- A counter of all tariffs: as the meter tells it, else the sum of both tariffs, whichever of them is the night's.
-- Rounded, since the sum of two decimal fractions is none.
CREATE OR REPLACE FUNCTION p1_total(total_kwh double precision, t1_kwh double precision, t2_kwh double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sungrow_or_zero(total_kwh), round((t1_kwh + t2_kwh) * 1e6) / 1e6)
$$;
