-- Called by api/alerts: how each channel is that is set up, or has a message that waits. Nothing
-- where alerts are not used.
SELECT channel, finished_at,
       (SELECT max(delivered_at) FROM sungrow_alert_outbox AS box
         WHERE box.channel = named.channel AND delivered_at IS NOT NULL) AS last_success_at,
       (SELECT count(*) FROM sungrow_alert_outbox AS box WHERE box.channel = named.channel
           AND delivered_at IS NULL AND given_up_at IS NULL AND dropped_at IS NULL) AS waiting,
       (SELECT count(*) FROM sungrow_alert_outbox AS box
         WHERE box.channel = named.channel AND given_up_at IS NOT NULL) AS given_up,
       coalesce((SELECT max(refused_at) FROM sungrow_alert_outbox AS box
                  WHERE box.channel = named.channel AND refused_at IS NOT NULL)
                > coalesce((SELECT max(delivered_at) FROM sungrow_alert_outbox AS box
                             WHERE box.channel = named.channel AND delivered_at IS NOT NULL), '-infinity'),
                false) AS broken
  FROM sungrow_alert_run
 CROSS JOIN unnest(channels) AS named (channel)
 ORDER BY array_position(channels, channel)
