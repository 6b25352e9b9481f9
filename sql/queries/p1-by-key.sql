-- Called by database/p1_samples where keys were taken: what is there, as samples-by-key.sql.
SELECT device_id, ts, power_w, import_power_w, energy_import_kwh, energy_export_kwh, import_t1_kwh,
       import_t2_kwh, export_t1_kwh, export_t2_kwh, tariff, power_l1_w, voltage_l1_v, current_l1_a,
       power_l2_w, voltage_l2_v, current_l2_a, power_l3_w, voltage_l3_v, current_l3_a, demand_w,
       month_peak_w, gas_m3, water_m3, seq, ts_src, meter_id, boot, meter_ts, month_peak_ts, gas_ts,
       water_ts, extra
  FROM p1_samples
 WHERE device_id = %(device_id)s AND ts = ANY(%(ts)s::timestamptz[])
   AND ts BETWEEN %(first)s AND %(last)s
