-- Called by api/roof: the map of one string and period, as the last night stored it.
SELECT azimuth_deg, elevation_deg, n, days, performance, contrast, state, last_seen
  FROM sungrow_shade_bins
 WHERE device_id = %(device_id)s AND string = %(string)s AND period = %(period)s
 ORDER BY elevation_deg, azimuth_deg
