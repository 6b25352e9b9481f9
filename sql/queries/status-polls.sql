-- Called by api/status: the polls of the last 24 hours, as the edge counted them, and why some failed.
WITH recent AS (
    SELECT polled, failed FROM sungrow_reports
     WHERE device_id = %(device_id)s AND kind = %(kind)s AND slot > %(now)s - interval '24 hours' AND slot <= %(now)s
), reasons AS (
    SELECT key AS reason, sum(value::bigint)::bigint AS count
      FROM recent, jsonb_each_text(failed) GROUP BY 1 ORDER BY 1
)
SELECT (SELECT coalesce(sum(polled), 0)::bigint FROM recent) AS polled,
       (SELECT coalesce(sum(count), 0)::bigint FROM reasons) AS failed,
       (SELECT coalesce(jsonb_object_agg(reason, count), '{}') FROM reasons) AS failed_reasons
