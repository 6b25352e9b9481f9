-- What each local day of each house brought, by the grid (P1) meter where there is one.
CREATE OR REPLACE VIEW sungrow_house_daily_energy AS
SELECT device_id, day, pv_kwh, coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh, import_kwh, export_kwh,
       battery_charge_kwh, battery_discharge_kwh, import_p1_kwh, export_p1_kwh,
       CASE WHEN import_p1_kwh IS NOT NULL OR paired_count > 0 THEN CASE WHEN has_own THEN 'mixed' ELSE 'p1' END
            WHEN has_own THEN 'inverter' END AS grid_source, estimated
  FROM (SELECT device_id, min(first) AS first, max(last) AS last
          FROM (SELECT device_id, min(bucket) AS first, max(bucket) AS last
                  FROM sungrow_local_daily GROUP BY device_id
                UNION ALL
                SELECT device_id, min(bucket), max(bucket) FROM p1_local_daily GROUP BY device_id) AS both_kinds
         GROUP BY device_id) AS known
 CROSS JOIN LATERAL sungrow_house_days(device_id, first, last + 1) AS day;

COMMENT ON VIEW sungrow_house_daily_energy IS 'kWh of each local day of a house: grid and use by the grid (P1) meter where it tells, else as sungrow_energy has them. Give it a device_id.';
COMMENT ON COLUMN sungrow_house_daily_energy.device_id IS 'which house';
COMMENT ON COLUMN sungrow_house_daily_energy.day IS 'local day';
COMMENT ON COLUMN sungrow_house_daily_energy.pv_kwh IS 'kWh; yield of the panels: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_house_daily_energy.load_kwh IS 'kWh; use of the house: by the balance of the counters where they speak, else by the integral';
COMMENT ON COLUMN sungrow_house_daily_energy.import_kwh IS 'kWh; imported from the grid: by the grid meter where it reports the whole day, else by the inverter';
COMMENT ON COLUMN sungrow_house_daily_energy.export_kwh IS 'kWh; exported to the grid: by the grid meter where it reports the whole day, else by the inverter';
COMMENT ON COLUMN sungrow_house_daily_energy.battery_charge_kwh IS 'kWh; charged: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_house_daily_energy.battery_discharge_kwh IS 'kWh; discharged: by the counter where it speaks, else by the integral';
COMMENT ON COLUMN sungrow_house_daily_energy.import_p1_kwh IS 'kWh; imported from the grid, by the counters of the grid meter; null: they do not report the whole day';
COMMENT ON COLUMN sungrow_house_daily_energy.export_p1_kwh IS 'kWh; exported to the grid, by the counters of the grid meter; null: they do not report the whole day';
COMMENT ON COLUMN sungrow_house_daily_energy.grid_source IS 'whose word grid and use are: p1, inverter, mixed; null: nobody''s';
COMMENT ON COLUMN sungrow_house_daily_energy.estimated IS 'a part of it is not a plain difference of two readings of a counter';
