-- What each local day imported and exported, in kWh, and took of gas and water, in m³, by the counters at its two
-- midnights, as p1_quarter: null where a counter says nothing; there the integrals of p1_local_daily may. The day of
-- first is the first, that of until is not part of it. A day without any reading has a row where the counters
-- show energy. exact and estimated are about import and export.
CREATE OR REPLACE FUNCTION p1_daily_energy(of_device text, first date, until date)
RETURNS TABLE (day date, import_kwh double precision, export_kwh double precision, gas_m3 double precision,
               water_m3 double precision, exact boolean, estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    moments timestamptz[] := ARRAY(
        SELECT sungrow_midnight(day::date, zone)
          FROM generate_series(first::timestamp, until::timestamp, '1 day') AS day);
BEGIN
    IF first >= until THEN RETURN; END IF;
    RETURN QUERY
    SELECT (starts AT TIME ZONE zone)::date, i.counted, e.counted, g.counted, w.counted,
           i.is_exact AND (e.counted IS NULL OR e.is_exact), i.is_broken OR e.is_broken
      FROM p1_between(of_device, 'import', moments, true) AS i
      JOIN p1_between(of_device, 'export', moments, true) AS e USING (starts)
      JOIN p1_between(of_device, 'gas', moments, true) AS g USING (starts)
      JOIN p1_between(of_device, 'water', moments, true) AS w USING (starts)
     WHERE num_nonnulls(i.counted, e.counted, g.counted, w.counted) > 0
     ORDER BY 1;
END
$$;
COMMENT ON FUNCTION p1_daily_energy IS 'What each local day of a house imported and exported, kWh, and took of gas and water, m³, by the counters of its grid meter.';
