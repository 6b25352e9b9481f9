-- Months UTC for those who ask in SQL or Grafana: a plain view over sungrow_5min, so always exact.
-- Give it a range of bucket and a device_id.
CREATE OR REPLACE VIEW sungrow_monthly AS
SELECT device_id, date_trunc('month', bucket, 'UTC') AS bucket,
       sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w,
       max(pv_power_w_max) AS max_pv_power_w,
       sum(battery_power_w_sum) / nullif(sum(battery_power_w_count), 0) AS avg_battery_power_w,
       sum(battery_soc_pct_sum) / nullif(sum(battery_soc_pct_count), 0) AS avg_battery_soc_pct,
       sum(load_power_w_sum) / nullif(sum(sample_count - load_power_w_nulls), 0) AS avg_load_power_w,
       sum(export_power_w_sum) / nullif(sum(sample_count - export_power_w_nulls), 0) AS avg_export_power_w,
       sum(sample_count)::bigint AS sample_count, sum(pv_power_w_sum) AS pv_power_w_sum,
       sum(battery_power_w_sum) AS battery_power_w_sum,
       sum(battery_power_w_count)::bigint AS battery_power_w_count,
       sum(battery_soc_pct_sum) AS battery_soc_pct_sum,
       sum(battery_soc_pct_count)::bigint AS battery_soc_pct_count,
       sum(load_power_w_sum) AS load_power_w_sum, sum(export_power_w_sum) AS export_power_w_sum,
       sum(sample_count - load_power_w_nulls)::bigint AS load_power_w_count,
       sum(sample_count - export_power_w_nulls)::bigint AS export_power_w_count
  FROM sungrow_5min
 GROUP BY 1, 2;

COMMENT ON VIEW sungrow_monthly IS 'One month UTC of one device; for SQL and Grafana. Local days: sungrow_local_daily.';
COMMENT ON COLUMN sungrow_monthly.device_id IS 'which device';
COMMENT ON COLUMN sungrow_monthly.bucket IS 'start of the month, UTC';
COMMENT ON COLUMN sungrow_monthly.avg_pv_power_w IS 'W; mean of pv_power_w';
COMMENT ON COLUMN sungrow_monthly.max_pv_power_w IS 'W; greatest pv_power_w';
COMMENT ON COLUMN sungrow_monthly.avg_battery_power_w IS 'W; mean of battery_power_w where known; positive = charging';
COMMENT ON COLUMN sungrow_monthly.avg_battery_soc_pct IS '%; mean of battery_soc_pct where known';
COMMENT ON COLUMN sungrow_monthly.avg_load_power_w IS 'W; mean of load_power_w where known';
COMMENT ON COLUMN sungrow_monthly.avg_export_power_w IS 'W; mean of export_power_w where known; positive = exporting';
COMMENT ON COLUMN sungrow_monthly.sample_count IS 'how many samples';
COMMENT ON COLUMN sungrow_monthly.pv_power_w_sum IS 'W; sum of pv_power_w';
COMMENT ON COLUMN sungrow_monthly.battery_power_w_sum IS 'W; sum of battery_power_w';
COMMENT ON COLUMN sungrow_monthly.battery_power_w_count IS 'samples that have battery_power_w';
COMMENT ON COLUMN sungrow_monthly.battery_soc_pct_sum IS '%; sum of battery_soc_pct';
COMMENT ON COLUMN sungrow_monthly.battery_soc_pct_count IS 'samples that have battery_soc_pct';
COMMENT ON COLUMN sungrow_monthly.load_power_w_sum IS 'W; sum of load_power_w';
COMMENT ON COLUMN sungrow_monthly.export_power_w_sum IS 'W; sum of export_power_w';
COMMENT ON COLUMN sungrow_monthly.load_power_w_count IS 'samples that have load_power_w';
COMMENT ON COLUMN sungrow_monthly.export_power_w_count IS 'samples that have export_power_w';
