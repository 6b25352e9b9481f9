-- Called by nightly/roof_rows and api/roof_curve: what is set and known of the roof of a house, and whether any string of it was
-- ever read.
SELECT sungrow_timezone(asked.device_id) AS timezone, s.latitude, s.longitude, s.export_limit_w, d.nominal_power_w,
       EXISTS (SELECT FROM sungrow_local_daily
                WHERE device_id = asked.device_id AND battery_soc_pct_count > 0) AS has_battery,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(string, tilt_deg, azimuth_deg, kwp, name) ORDER BY string), '[]')
          FROM sungrow_site_strings WHERE device_id = asked.device_id) AS strings,
       extract(epoch FROM now())::double precision AS now_s,
       -- In the order of the index, else a house without strings would have those of all others read.
       (SELECT bucket FROM sungrow_strings_5min WHERE device_id = asked.device_id ORDER BY bucket LIMIT 1) IS NOT NULL
           AS has_strings,
       EXISTS (SELECT FROM sungrow_roof_results WHERE device_id = asked.device_id) AS has_result
  FROM (SELECT %(device_id)s::text AS device_id) AS asked
  LEFT JOIN sungrow_devices AS d USING (device_id)
  LEFT JOIN sungrow_sites AS s USING (device_id)
