-- Called by p1/latest and api/realtime: the newest reading of the grid meter; not one of the future, as in
-- sample-newest.sql. The first six columns are those of P1-Edge-VPS, which knows no meter without a total or an import
-- of its own.
SELECT ts, power_w, coalesce(import_power_w, greatest(power_w, 0)) AS import_power_w,
       p1_total(energy_import_kwh, import_t1_kwh, import_t2_kwh) AS energy_import_kwh,
       p1_total(energy_export_kwh, export_t1_kwh, export_t2_kwh) AS energy_export_kwh,
       import_t1_kwh, import_t2_kwh, export_t1_kwh, export_t2_kwh, tariff, power_l1_w, power_l2_w, power_l3_w,
       voltage_l1_v, voltage_l2_v, voltage_l3_v, current_l1_a, current_l2_a, current_l3_a, meter_ts, demand_w,
       month_peak_w, month_peak_ts, gas_m3, gas_ts, water_m3, water_ts, meter_id, boot, seq, ts_src
  FROM p1_newest_reading(%(device_id)s, %(latest)s)
