-- Called by api/series_raw: the next samples from first on and before end. Beside each, where the house has a grid
-- meter, its reading with which sungrow_house_sums pairs it. The outer limits of its time let TimescaleDB leave out
-- the chunks that cannot hold any: no lag is longer than five minutes.
SELECT device_id, ts, pv_power_w, pv_daily_kwh, battery_power_w, battery_soc_pct, battery_temp_c,
       load_power_w, export_power_w, pv_total_kwh, mppt1_voltage_v, mppt1_current_a,
       mppt2_voltage_v, mppt2_current_a, mppt3_voltage_v, mppt3_current_a, mppt4_voltage_v,
       mppt4_current_a, battery_voltage_v, battery_current_a, battery_soh_pct,
       battery_daily_charge_kwh, battery_daily_discharge_kwh, battery_total_charge_kwh,
       battery_total_discharge_kwh, daily_direct_consumption_kwh, total_import_kwh,
       total_export_kwh, grid_power_w, inverter_power_w, inverter_temp_c, grid_frequency_hz,
       grid_voltage_v, running_state, power_flow_status, bms_max_charge_a,
       bms_max_discharge_a, interval_s, seq, ts_src, battery_power_source, boot, faults,
       extra, p1_ts, p1_power_w
  FROM (SELECT *, ts - make_interval(secs => sungrow_p1_lag_s(%(device_id)s)) AS at
          FROM sungrow_samples
         WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
         ORDER BY ts LIMIT %(most)s) AS sample
  LEFT JOIN LATERAL (
        SELECT p.ts AS p1_ts, p.power_w AS p1_power_w FROM p1_samples AS p
         WHERE p.device_id = %(device_id)s AND p.power_w IS NOT NULL
           AND p.ts >= at - interval '15 seconds' AND p.ts <= at + interval '15 seconds'
           AND p.ts >= %(first)s::timestamptz - interval '6 minutes'
           AND p.ts <= %(end)s::timestamptz + interval '6 minutes'
         ORDER BY abs(date_part('epoch', p.ts - at)), p.ts LIMIT 1) AS beside
         ON %(has_p1)s AND inverter_power_w IS NOT NULL
 ORDER BY ts
