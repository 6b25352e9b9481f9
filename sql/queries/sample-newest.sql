-- Called by api/realtime: the newest sample; one from the future (a clock ran ahead) must not be in the
-- way of the true ones for ever. With it the reading of the grid meter beside it.
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
  FROM sungrow_newest_sample(%(device_id)s, %(latest)s) AS newest
 CROSS JOIN LATERAL sungrow_p1_near(device_id, ts)
