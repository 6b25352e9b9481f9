-- Called by api/completeness: every local day from first to last, or today's where they are null, whether
-- anything is known of it or not.
SELECT day AS date, sungrow_timezone(%(device_id)s) AS timezone, expected, polled, failed, failed_reasons, stored,
       parked, thinned, forgotten, in_transit, lost, covered
  FROM (SELECT (now() AT TIME ZONE sungrow_timezone(%(device_id)s))::date AS today) AS clock
 CROSS JOIN LATERAL sungrow_completeness_days(%(device_id)s, coalesce(%(first)s::date, today),
                                              coalesce(%(last)s::date, today), %(kind)s) AS counts
 ORDER BY day
