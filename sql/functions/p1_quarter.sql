-- Import and export of each quarter hour UTC, in Wh, from the one of first on and before until: by the counters at
-- its two ends, each between the readings around it. So sums are what the counters rose by, whatever is missing; the
-- quarters of a gap carry their share by time, and are not exact. Nor is the running one, which has what is known.
--
-- Where a counter says nothing the powers do, each reading representing the time since the one before, at most 60
-- seconds: estimated. So is a quarter with a step that no counter makes: another meter, or a jump. A quarter of which
-- neither says anything has no row.
CREATE OR REPLACE FUNCTION p1_quarter(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (slot timestamptz, import_wh double precision, export_wh double precision, exact boolean,
               estimated boolean, avg_import_power_w double precision, sample_count bigint)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
DECLARE
    moments timestamptz[] := ARRAY(
        SELECT generate_series(sungrow_slot(first), sungrow_slot(until - interval '1 microsecond') + interval '15 minutes',
                               '15 minutes'));
BEGIN
    IF first >= until THEN RETURN; END IF;
    RETURN QUERY
    WITH power AS (
        SELECT sungrow_slot(bucket) AS slot, sum(sample_count)::bigint AS sample_count,
               CASE WHEN sum(powered_s) > 0 THEN sum(import_integral_kwh) * 1000 END AS import_wh,
               CASE WHEN sum(power_w_count) > 0 THEN sum(export_integral_kwh) * 1000 END AS export_wh,
               sum(import_power_w_sum) / nullif(sum(import_power_w_count), 0) AS avg_import_power_w
          FROM p1_5min
         WHERE device_id = of_device AND bucket >= moments[1] AND bucket < moments[cardinality(moments)]
         GROUP BY 1
    )
    SELECT starts, coalesce(i.counted * 1000, power.import_wh), coalesce(e.counted * 1000, power.export_wh),
           i.is_exact AND (e.counted IS NULL OR e.is_exact),
           i.is_broken OR e.is_broken OR i.counted IS NULL AND power.import_wh IS NOT NULL
               OR e.counted IS NULL AND power.export_wh IS NOT NULL,
           power.avg_import_power_w, coalesce(power.sample_count, 0)
      FROM p1_between(of_device, 'import', moments) AS i
      JOIN p1_between(of_device, 'export', moments) AS e USING (starts)
      LEFT JOIN power ON slot = starts
     WHERE num_nonnulls(i.counted, e.counted, power.import_wh, power.export_wh) > 0
     ORDER BY 1;
END
$$;
COMMENT ON FUNCTION p1_quarter IS 'Import and export of each quarter hour UTC of a house, Wh, by the counters of its grid meter; exact: may be a peak.';
