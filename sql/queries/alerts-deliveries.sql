-- Called by metrics/endpoint: how many messages of each channel were delivered, and how many were given up; those that
-- alerts/prune has deleted are counted in a row of their channel.
SELECT channel,
       count(delivered_at) + coalesce(sum((body -> 'pruned' ->> 0)::bigint), 0) AS delivered,
       count(given_up_at) + coalesce(sum((body -> 'pruned' ->> 1)::bigint), 0) AS given_up,
       count(dropped_at) FILTER (WHERE NOT body ? 'pruned') + coalesce(sum((body -> 'pruned' ->> 2)::bigint), 0)
           AS dropped
  FROM sungrow_alert_outbox
 GROUP BY channel
