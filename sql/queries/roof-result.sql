-- Called by api/roof: what the last night found out of the roof of a house; where it has not, why.
SELECT r.computed_at, r.result, s.latitude, s.longitude, s.export_limit_w,
       r.device_id IS NOT NULL
           OR (SELECT bucket FROM sungrow_strings_5min WHERE device_id = asked.device_id ORDER BY bucket LIMIT 1) IS NOT NULL
           AS has_strings
  FROM (SELECT %(device_id)s::text AS device_id) AS asked
  LEFT JOIN sungrow_sites AS s USING (device_id)
  LEFT JOIN sungrow_roof_results AS r USING (device_id)
