-- Houses of which readings were lost within seven days: none may be.
SELECT device_id, lost::double precision AS value
  FROM (SELECT DISTINCT device_id FROM sungrow_local_daily) AS house
 CROSS JOIN LATERAL sungrow_missing(device_id, sungrow_slot(now() - interval '7 days'),
                                    sungrow_slot(now()) + interval '15 minutes', 'sample')
 WHERE lost > 0
 ORDER BY 1
