-- Called by api/completeness: every local day from first to last, or today's where they are null, whether
-- anything is known of it or not.
SELECT day::date AS date, sungrow_timezone(%(device_id)s) AS timezone, counts.*
  FROM (SELECT (now() AT TIME ZONE sungrow_timezone(%(device_id)s))::date AS today) AS clock
 CROSS JOIN LATERAL generate_series(coalesce(%(first)s::date, today)::timestamp,
                                    coalesce(%(last)s::date, today)::timestamp, '1 day') AS day
 CROSS JOIN LATERAL sungrow_kind_completeness(%(device_id)s, day::date, %(kind)s) AS counts
 ORDER BY day
