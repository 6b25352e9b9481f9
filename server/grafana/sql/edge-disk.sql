-- The disk and the spool of the edge, and the days that the server's certificate is still valid, as the edge reports.
SELECT slot AS "time", min(disk_free_mb) AS disk_free_mb, max(spool_used_pct) AS spool_used_pct,
       min(cert_days) AS cert_days
  FROM sungrow_reports
 WHERE device_id = ${device:sqlstring} AND kind = 'sample' AND $__timeFilter(slot)
   AND num_nonnulls(disk_free_mb, spool_used_pct, cert_days) > 0
 GROUP BY 1
 ORDER BY 1
