-- Called by doctor/database: when the rules were last judged, and which channels refuse messages.
SELECT finished_at, channels,
       array(SELECT channel FROM unnest(channels) AS named (channel)
              WHERE (SELECT max(refused_at) FROM sungrow_alert_outbox AS box
                      WHERE box.channel = named.channel AND refused_at IS NOT NULL)
                    > coalesce((SELECT max(delivered_at) FROM sungrow_alert_outbox AS box
                                 WHERE box.channel = named.channel AND delivered_at IS NOT NULL), '-infinity')
            ) AS broken
  FROM sungrow_alert_run
