-- Called by alerts/gather, alerts/replay and alerts/commands: what is known of each house, its newest reading, and
-- what its edge says of itself; of these devices alone, null: of all.
WITH RECURSIVE sampled AS ( -- one step in the index for each device, not one for each of its days
    SELECT min(device_id) AS device_id FROM sungrow_local_daily
    UNION ALL
    SELECT (SELECT min(l.device_id) FROM sungrow_local_daily l WHERE l.device_id > sampled.device_id)
      FROM sampled WHERE sampled.device_id IS NOT NULL
), known AS (
    SELECT device_id FROM sampled WHERE device_id IS NOT NULL UNION SELECT device_id FROM sungrow_devices
)
SELECT device_id, d.name, sungrow_timezone(device_id) AS timezone, d.nominal_power_w, d.battery_capacity_kwh,
       d.has_battery, d.edge_version, site.latitude, site.longitude,
       -- Of a house that server.forget knows there were readings.
       CASE WHEN forgotten.until IS NULL THEN d.updated_at END AS known_since,
       -- What was forgotten was there: the silence begins behind it.
       CASE WHEN newest.ts IS NOT NULL THEN greatest(newest.ts, forgotten.until) END AS newest_ts, newest.received_at AS newest_received,
       (SELECT last_ts FROM p1_5min WHERE device_id = known.device_id ORDER BY bucket DESC LIMIT 1) AS p1_newest,
       CASE WHEN d.has_battery IS NOT FALSE
            THEN (SELECT battery_soh_pct
                    FROM sungrow_newest_sample(known.device_id, %(now)s::timestamptz - interval '7 days')) END
           AS soh_week_ago,
       (SELECT count(DISTINCT boot) FROM sungrow_seqs
         WHERE device_id = known.device_id AND kind = 'sample'
           AND slot > %(now)s::timestamptz - interval '1 day') AS boots,
       CASE WHEN found.device_id IS NOT NULL THEN (
            SELECT jsonb_build_object('computed_at', extract(epoch FROM found.computed_at),
                       'since', (SELECT min(day) FROM sungrow_battery_days WHERE device_id = known.device_id),
                       'full_at', (SELECT extract(epoch FROM left_ts) FROM sungrow_battery_anchors
                                    WHERE device_id = known.device_id AND kind = 'full' ORDER BY ts DESC LIMIT 1),
                       'may_charge_seen', found.may_charge_seen, 'may_discharge_seen', found.may_discharge_seen,
                       'figures', jsonb_build_object('soh_verdict', found.result #> '{figures,soh_verdict}',
                                                     'soh_reported_pct', found.result #> '{figures,soh_reported_pct}',
                                                     'soh_optimistic_points', found.result #> '{figures,soh_optimistic_points}')))
            END AS battery,
       site.export_limit_w,
       (SELECT jsonb_build_object('computed_at', extract(epoch FROM computed_at),
                   'new_shade', jsonb_path_query_array(result, '$.events[*] ? (@.id == "new_shade")'))
          FROM sungrow_roof_results WHERE device_id = known.device_id) AS roof,
       parked.parked, parked.conflicts, inverter.report, inverter.failed, inverter.thinned_before,
       meter.report AS p1_report, meter.failed AS p1_failed
  FROM known
  LEFT JOIN sungrow_devices AS d USING (device_id)
  LEFT JOIN sungrow_sites AS site USING (device_id)
  LEFT JOIN sungrow_battery_results AS found USING (device_id) -- a row a battery, where the nightly job has run
  LEFT JOIN LATERAL (SELECT ts, received_at
                       FROM sungrow_newest_sample(known.device_id, %(now)s::timestamptz + interval '1 minute')
                    ) AS newest ON true
 CROSS JOIN LATERAL (SELECT max(to_ts) AS until FROM sungrow_forgotten
                      WHERE device_id = known.device_id AND from_ts <= %(now)s AND to_ts <= %(now)s) AS forgotten
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE reason <> 'conflict') AS parked,
                            count(*) FILTER (WHERE reason = 'conflict') AS conflicts
                       FROM sungrow_parked
                      WHERE device_id = known.device_id AND kind IN ('sample', 'p1')
                        AND coalesce(ts, received_at) > %(now)s::timestamptz - interval '1 day') AS parked
 CROSS JOIN LATERAL sungrow_newest_report(known.device_id, 'sample', %(now)s) AS inverter
 CROSS JOIN LATERAL sungrow_newest_report(known.device_id, 'p1', %(now)s) AS meter
 WHERE %(device_ids)s::text[] IS NULL OR device_id = ANY (%(device_ids)s::text[])
 ORDER BY device_id
