-- Called by nightly/battery_rows: what is set and known of the battery of a house, and whether it has one by its readings, or
-- had one. A look at its days, and no more where it has none.
SELECT coalesce(s.capacity_kwh, d.battery_capacity_kwh) AS capacity_kwh, s.min_soc_pct, s.modules, s.installed,
       s.warranty_years, s.warranty_mwh, s.warranty_capacity_pct, s.warranty_t_min_c, s.warranty_t_max_c,
       sungrow_timezone(asked.device_id) AS timezone,
       ARRAY(SELECT extract(epoch FROM since)::double precision FROM sungrow_inverters
              WHERE device_id = asked.device_id AND since > '-infinity' ORDER BY since) AS replaced_s,
       s.cells, extract(epoch FROM now())::double precision AS now_s,
       coalesce(r.may_charge_seen, false) AS may_charge_seen, coalesce(r.may_discharge_seen, false) AS may_discharge_seen,
       EXISTS (SELECT FROM sungrow_local_daily
                WHERE device_id = asked.device_id AND battery_soc_pct_count > 0) AS has_battery,
       r.device_id IS NOT NULL AS has_result
  FROM (SELECT %(device_id)s::text AS device_id) AS asked
  LEFT JOIN sungrow_devices AS d USING (device_id)
  LEFT JOIN sungrow_battery_settings AS s USING (device_id)
  LEFT JOIN sungrow_battery_results AS r USING (device_id)
