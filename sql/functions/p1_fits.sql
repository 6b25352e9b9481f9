-- Whether a grid meter's counter can have risen so. 100 kW: more than the connection of a house carries (three
-- times 80 A are 55 kW). Ten seconds: some meters, and what is between them and the edge, repeat a value for so
-- long. Half a Wh: the sum of two tariffs and the meter's own total may be rounded apart. A year: as in
-- sungrow_fits.
CREATE OR REPLACE FUNCTION p1_fits(rise_kwh double precision, in_s double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rise_kwh >= -0.0005 AND rise_kwh <= 100.0 / 3600 * (in_s + 10) AND in_s <= 366 * 86400
$$;
