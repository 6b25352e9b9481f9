-- What a reading of a grid meter imports: as it says, else what of its net power is above 0; null: neither is known.
CREATE OR REPLACE FUNCTION p1_draw_w(import_power_w double precision, power_w double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sungrow_or_zero(coalesce(import_power_w, CASE WHEN power_w > 0 THEN power_w WHEN power_w <= 0 THEN 0 END))
$$;
