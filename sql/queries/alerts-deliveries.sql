-- Called by metrics/endpoint: how many messages of each channel were delivered, and how many were given up.
SELECT channel, count(delivered_at) AS delivered, count(given_up_at) AS given_up, count(dropped_at) AS dropped
  FROM sungrow_alert_outbox
 GROUP BY channel
