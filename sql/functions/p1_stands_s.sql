-- How many seconds a reading of a grid meter represents: those since the one before, at most 60.
CREATE OR REPLACE FUNCTION p1_stands_s(before timestamptz, ts timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(coalesce(date_part('epoch', ts - before), 60), 60)
$$;
