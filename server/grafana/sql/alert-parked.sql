-- Houses of which a reading came within a day that cannot be decoded or stored.
SELECT device_id, count(*)::double precision AS value
  FROM sungrow_parked
 WHERE received_at > now() - interval '1 day'
 GROUP BY 1
 ORDER BY 1
