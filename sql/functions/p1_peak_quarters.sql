-- The quarter hours UTC that may be a peak, from the one of first on and before until, each with its mean import: by
-- the counter where readings bracket both its ends within a minute (as exact of p1_quarter, for the import alone).
-- Else by the powers, where these cover it but for a minute and the counter says nothing, or what no counter says
-- (estimated). One with a gap is not here, nor is the running one.
CREATE OR REPLACE FUNCTION p1_peak_quarters(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (slot timestamptz, avg_power_w double precision, estimated boolean)
LANGUAGE sql STABLE SET jit = off AS $$
    WITH power AS (
        SELECT sungrow_slot(bucket) AS starts, sum(covered_s) AS covered_s,
               sum(import_power_w_sum) / nullif(sum(import_power_w_count), 0) AS avg_import_power_w
          FROM p1_5min
         WHERE device_id = of_device AND bucket >= sungrow_slot(first) AND bucket < until
         GROUP BY 1
    )
    SELECT starts, CASE WHEN is_exact THEN counted * 4000 ELSE avg_import_power_w END, NOT is_exact
      FROM p1_between(of_device, 'import', ARRAY(
               SELECT generate_series(sungrow_slot(first),
                                      sungrow_slot(until - interval '1 microsecond') + interval '15 minutes',
                                      '15 minutes')))
      LEFT JOIN power USING (starts)
     WHERE first < until
       AND (is_exact AND counted IS NOT NULL
            OR (counted IS NULL OR is_broken) AND covered_s >= 840 AND avg_import_power_w IS NOT NULL
               AND ends <= now())
$$;
COMMENT ON FUNCTION p1_peak_quarters IS 'The quarter hours of a house without a gap, with their mean import in W: what a peak is chosen from.';
