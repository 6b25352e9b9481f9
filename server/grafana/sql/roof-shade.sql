-- Where shade falls: lower edges of the bins of the sun's position.
SELECT string, azimuth_deg, elevation_deg, state, performance, contrast, n, days, last_seen
  FROM sungrow_shade_bins
 WHERE device_id = ${device:sqlstring} AND period = 'all' AND state IN ('shaded', 'partly')
 ORDER BY string, elevation_deg, azimuth_deg
 LIMIT 500
