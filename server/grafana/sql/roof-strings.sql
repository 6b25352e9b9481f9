-- What the last night found out of each string; empty where that is not known: /v1/roof says why.
SELECT string, coalesce(name, '') AS string_name, (plane->>'tilt_deg')::double precision AS tilt_deg,
       (plane->>'azimuth_deg')::double precision AS azimuth_deg, (share->>'value')::double precision AS share,
       (share->>'usual')::double precision AS usual_share, (shade_loss->>'kwh')::double precision AS shade_loss_kwh,
       (soiling->>'pct')::double precision AS soiling_pct, (trend->>'pct_year')::double precision AS trend_year_pct,
       dead->>'since' AS dead_since
  FROM sungrow_roof_results
 CROSS JOIN LATERAL jsonb_to_recordset(result->'strings')
       AS known (string integer, name text, plane jsonb, share jsonb, shade_loss jsonb, soiling jsonb, trend jsonb, dead jsonb)
 WHERE device_id = ${device:sqlstring}
 ORDER BY string
