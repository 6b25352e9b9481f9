-- Called by p1/capacity: the newest reading, and what was imported since its quarter hour began: by the counter or the
-- powers where readings cover it but for a minute, else by the meter's own figure (1.4.0: that energy over the whole
-- quarter hour), else null.
SELECT ts, slot, power_w, coalesce(import_power_w, greatest(power_w, 0)) AS import_power_w, demand_w,
       coalesce(CASE WHEN covered_s >= extract(epoch FROM ts - slot) - 60 THEN import_wh END, demand_w / 4) AS used_wh
  FROM p1_newest_reading(%(device_id)s, %(latest)s)
 CROSS JOIN LATERAL (SELECT sungrow_slot(ts) AS slot) AS quarter
  LEFT JOIN LATERAL (SELECT import_wh FROM p1_quarter(%(device_id)s, quarter.slot, quarter.slot + interval '15 minutes'))
         AS energy ON true
  LEFT JOIN LATERAL (SELECT sum(covered_s) AS covered_s FROM p1_5min
                      WHERE device_id = %(device_id)s AND bucket >= quarter.slot
                        AND bucket < quarter.slot + interval '15 minutes') AS covered ON true
