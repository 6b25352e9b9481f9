-- Whether a reading that follows another within 60 seconds is another meter's, or has a counter that rose by more
-- than a connection carries. That one fell is told by the least and the greatest of a bucket.
CREATE OR REPLACE FUNCTION p1_is_odd(in_s double precision, import_rise_kwh double precision,
                          export_rise_kwh double precision, is_other_meter boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(in_s <= 60 AND (is_other_meter OR NOT p1_fits(greatest(import_rise_kwh, 0), in_s)
                                    OR NOT p1_fits(greatest(export_rise_kwh, 0), in_s)), false)
$$;
