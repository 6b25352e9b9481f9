-- What the grid meter of a house counted between each two of some rising moments that follow each other, in kWh and
-- m³. Import and export only where both ends are bracketed: by readings at most ten minutes away; an end that is yet
-- to come, by one of the last ten minutes. Moments are midnights where by_day says so, else starts of five minutes.
CREATE OR REPLACE FUNCTION sungrow_house_grid(of_device text, moments timestamptz[], by_day boolean)
RETURNS TABLE (starts timestamptz, import_kwh double precision, export_kwh double precision,
               gas_m3 double precision, water_m3 double precision, estimated boolean)
LANGUAGE sql STABLE SET jit = off AS $$
    WITH mark AS MATERIALIZED (
        SELECT counter, moment, lead(moment) OVER w AS next_moment,
               lead(counted) OVER w - counted AS counted,
               is_before_last AND lead(is_after_first) OVER w AS is_told,
               lead(breaks_begun) OVER w > breaks_ended AS is_broken,
               greatest(before_s, after_s) <= 600 AND num_nulls(before_s, after_s) = 0 AS is_begun,
               CASE WHEN lead(after_s) OVER w IS NOT NULL
                    THEN greatest(lead(before_s) OVER w, lead(after_s) OVER w) <= 600
                    ELSE lead(before_s) OVER w - extract(epoch FROM lead(moment) OVER w - now()) <= 600
                         AND lead(moment) OVER w > now() END AS is_ended
          FROM unnest('{import,export,gas,water}'::text[]) AS counter
         CROSS JOIN LATERAL p1_marks(of_device, counter, moments, by_day)
        WINDOW w AS (PARTITION BY counter ORDER BY moment)
    )
    SELECT moment,
           max(counted) FILTER (WHERE counter = 'import' AND is_told AND is_begun AND is_ended),
           max(counted) FILTER (WHERE counter = 'export' AND is_told AND is_begun AND is_ended),
           max(counted) FILTER (WHERE counter = 'gas' AND is_told),
           max(counted) FILTER (WHERE counter = 'water' AND is_told),
           coalesce(bool_or(is_broken) FILTER (WHERE is_told AND counter IN ('import', 'export')), false)
      FROM mark WHERE next_moment IS NOT NULL
     GROUP BY moment
$$;
COMMENT ON FUNCTION sungrow_house_grid IS 'What the grid meter of a house counted between each two of some moments: kWh where both ends are bracketed within ten minutes, and m³.';
