-- Whether a counter can have risen so. 0.3 kWh: three of its digits, for the times at which it is
-- written. A year: a device that comes back later begins again, so that nobody has to search further back.
CREATE OR REPLACE FUNCTION sungrow_fits(rise_kwh double precision, in_s double precision, limit_kw double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rise_kwh >= 0 AND rise_kwh <= limit_kw / 3600 * in_s + 0.3 AND in_s <= 366 * 86400
$$;
