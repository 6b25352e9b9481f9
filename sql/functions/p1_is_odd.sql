-- Whether a reading's counters do not fit those of the reading before it, at most 60 seconds earlier: they fell,
-- rose by more than a connection carries, or are another meter's. What one of the two does not tell is not odd.
CREATE OR REPLACE FUNCTION p1_is_odd(import_before p1_counter, export_before p1_counter, import_at p1_counter,
                          export_at p1_counter)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(in_s <= 60, false)
       AND (coalesce((import_at).meter_id <> (import_before).meter_id, false)
            OR NOT coalesce(p1_fits((import_at).total - (import_before).total, in_s), true)
            OR NOT coalesce(p1_fits((export_at).total - (export_before).total, in_s), true))
      FROM (SELECT extract(epoch FROM (import_at).ts - (import_before).ts)::double precision AS in_s) AS step
$$;
