-- Both opinions on the energy of every local day of every device.
CREATE OR REPLACE VIEW sungrow_energy AS
SELECT device_id, day,
       coalesce(pv_counter_kwh, pv_integral_kwh) AS pv_kwh,
       coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh,
       coalesce(import_counter_kwh, import_integral_kwh) AS import_kwh,
       coalesce(export_counter_kwh, export_integral_kwh) AS export_kwh,
       coalesce(battery_charge_counter_kwh, battery_charge_integral_kwh) AS battery_charge_kwh,
       coalesce(battery_discharge_counter_kwh, battery_discharge_integral_kwh)
           AS battery_discharge_kwh,
       pv_counter_kwh, load_counter_kwh, import_counter_kwh, export_counter_kwh,
       battery_charge_counter_kwh, battery_discharge_counter_kwh,
       pv_integral_kwh, load_integral_kwh, import_integral_kwh, export_integral_kwh,
       battery_charge_integral_kwh, battery_discharge_integral_kwh, estimated
  FROM (SELECT device_id, min(bucket) AS first, max(bucket) AS last
          FROM sungrow_local_daily GROUP BY device_id) AS known
 CROSS JOIN LATERAL sungrow_daily_energy(device_id, first, last + 1) AS counted
  LEFT JOIN LATERAL (SELECT device_id, pv_integral_kwh, load_integral_kwh, import_integral_kwh,
                            export_integral_kwh,
                            CASE WHEN tells_of_battery THEN battery_charge_integral_kwh END
                                AS battery_charge_integral_kwh,
                            CASE WHEN tells_of_battery THEN battery_discharge_integral_kwh END
                                AS battery_discharge_integral_kwh
                       FROM sungrow_local_daily AS r
                      -- A state of charge without a power: there is a battery, of unknown direction.
                      CROSS JOIN LATERAL (SELECT battery_power_w_count > 0
                                                 OR battery_soc_pct_count < sample_count
                                                 AS tells_of_battery) AS told
                      WHERE r.device_id = known.device_id AND r.bucket = counted.day) AS measured
       USING (device_id);

COMMENT ON VIEW sungrow_energy IS 'kWh of each local day of a device: by the counters where they speak, else by the integral of the powers, and both opinions. Give it a device_id.';
COMMENT ON COLUMN sungrow_energy.device_id IS 'which device';
COMMENT ON COLUMN sungrow_energy.day IS 'local day';
COMMENT ON COLUMN sungrow_energy.pv_kwh IS 'kWh; yield of the panels: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_energy.load_kwh IS 'kWh; use of the house: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_energy.import_kwh IS 'kWh; imported from the grid: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_energy.export_kwh IS 'kWh; exported to the grid: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_energy.battery_charge_kwh IS 'kWh; charged: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_energy.battery_discharge_kwh IS 'kWh; discharged: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_energy.pv_counter_kwh IS 'kWh; yield of the panels, by the counter; null: it says nothing';
COMMENT ON COLUMN sungrow_energy.load_counter_kwh IS 'kWh; use of the house, by the balance of the counters; null: they say nothing';
COMMENT ON COLUMN sungrow_energy.import_counter_kwh IS 'kWh; imported from the grid, by the counter; null: it says nothing';
COMMENT ON COLUMN sungrow_energy.export_counter_kwh IS 'kWh; exported to the grid, by the counter; null: it says nothing';
COMMENT ON COLUMN sungrow_energy.battery_charge_counter_kwh IS 'kWh; charged, by the counter; null: it says nothing';
COMMENT ON COLUMN sungrow_energy.battery_discharge_counter_kwh IS 'kWh; discharged, by the counter; null: it says nothing';
COMMENT ON COLUMN sungrow_energy.pv_integral_kwh IS 'kWh; yield of the panels, by the integral of the powers';
COMMENT ON COLUMN sungrow_energy.load_integral_kwh IS 'kWh; use of the house, by the integral of the powers; null: no reading had the grid';
COMMENT ON COLUMN sungrow_energy.import_integral_kwh IS 'kWh; imported from the grid, by the integral of the powers; null: no reading had the grid';
COMMENT ON COLUMN sungrow_energy.export_integral_kwh IS 'kWh; exported to the grid, by the integral of the powers; null: no reading had the grid';
COMMENT ON COLUMN sungrow_energy.battery_charge_integral_kwh IS 'kWh; charged, by the integral of the powers';
COMMENT ON COLUMN sungrow_energy.battery_discharge_integral_kwh IS 'kWh; discharged, by the integral of the powers';
COMMENT ON COLUMN sungrow_energy.estimated IS 'a part of it is not a plain difference of two readings of a counter; see the function sungrow_daily_energy';
