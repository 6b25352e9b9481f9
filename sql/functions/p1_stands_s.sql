-- For how many seconds a reading of a grid meter stands: since the one before, at most 60.
CREATE OR REPLACE FUNCTION p1_stands_s(before timestamptz, ts timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(coalesce(extract(epoch FROM ts - before)::double precision, 60), 60)
$$;
