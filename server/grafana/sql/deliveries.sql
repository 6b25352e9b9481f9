-- The messages of alerts, by channel.
SELECT channel, count(*) FILTER (WHERE delivered_at IS NOT NULL) AS delivered,
       count(*) FILTER (WHERE given_up_at IS NOT NULL) AS given_up,
       count(*) FILTER (WHERE num_nonnulls(delivered_at, given_up_at, dropped_at) = 0) AS waiting,
       max(delivered_at) AS last_success_ts
  FROM sungrow_alert_outbox
 WHERE $__timeFilter(created_at)
 GROUP BY 1
 ORDER BY 1
