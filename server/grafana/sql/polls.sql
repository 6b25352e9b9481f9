-- What the edge counted in each quarter hour: polls, those that failed, readings that waited. A
-- report without reasons says that none failed.
SELECT slot AS "time", sum(polled) AS polled,
       sum((SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(failed))) AS failed, max(waiting) AS waiting
  FROM sungrow_reports
 WHERE device_id = ${device:sqlstring} AND kind = 'sample' AND $__timeFilter(slot)
 GROUP BY 1
 ORDER BY 1
