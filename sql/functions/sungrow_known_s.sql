-- For how many seconds the powers are known that each of the five counters counts.
CREATE OR REPLACE FUNCTION sungrow_known_s(covered_s double precision, gridless_s double precision,
                                sample_count bigint, battery_power_w_count bigint)
RETURNS double precision[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[covered_s, covered_s - gridless_s, covered_s - gridless_s,
                 covered_s * (battery_power_w_count::double precision / sample_count),
                 covered_s * (battery_power_w_count::double precision / sample_count)]
$$;
