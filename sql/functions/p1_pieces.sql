-- What the rows of p1_5min hold of one counter (import, export, gas, water), by time.
CREATE OR REPLACE FUNCTION p1_pieces(of_device text, of_counter text, low timestamptz, high timestamptz)
RETURNS SETOF p1_piece LANGUAGE sql STABLE AS $$
    SELECT bucket, bucket + interval '5 minutes', first, last, least, greatest, odd_steps
      FROM (SELECT bucket, odd_steps,
                   CASE of_counter WHEN 'import' THEN import_first WHEN 'export' THEN export_first
                                   WHEN 'gas' THEN gas_first ELSE water_first END AS first,
                   CASE of_counter WHEN 'import' THEN import_last WHEN 'export' THEN export_last
                                   WHEN 'gas' THEN gas_last ELSE water_last END AS last,
                   CASE of_counter WHEN 'import' THEN import_min WHEN 'export' THEN export_min
                                   WHEN 'gas' THEN gas_min ELSE water_min END AS least,
                   CASE of_counter WHEN 'import' THEN import_max WHEN 'export' THEN export_max
                                   WHEN 'gas' THEN gas_max ELSE water_max END AS greatest
              FROM p1_5min WHERE device_id = of_device AND bucket >= low AND bucket < high) AS told
     WHERE (first).ts IS NOT NULL ORDER BY bucket
$$;
