-- Why polls failed, a line for each reason.
SELECT slot AS "time", key AS metric, sum(value::bigint) AS failed
  FROM sungrow_reports CROSS JOIN LATERAL jsonb_each_text(failed)
 WHERE device_id = ${device:sqlstring} AND kind = 'sample' AND $__timeFilter(slot)
 GROUP BY 1, 2
 ORDER BY 1, 2
