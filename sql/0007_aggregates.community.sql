-- Hours and days UTC for those who ask in SQL or Grafana: continuous aggregates. New rows appear at once, late
-- ones after the next run of the policy; start_offset NULL, so that no row is ever too late. Both have fixed
-- widths: aggregates of month width, or in a named zone, lose late rows for ever (upstream issue 10296), so
-- months are a view over the days' sums and counts (functions/sungrow_monthly.community.sql). Nothing that the
-- product itself answers rests on these.
CREATE MATERIALIZED VIEW sungrow_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT device_id, time_bucket('1 hour', ts) AS bucket,
       avg(pv_power_w) AS avg_pv_power_w, max(pv_power_w) AS max_pv_power_w,
       avg(battery_power_w) AS avg_battery_power_w, avg(battery_soc_pct) AS avg_battery_soc_pct,
       avg(load_power_w) AS avg_load_power_w, avg(export_power_w) AS avg_export_power_w,
       count(*) AS sample_count, sum(pv_power_w) AS pv_power_w_sum,
       coalesce(sum(battery_power_w), 0) AS battery_power_w_sum,
       count(battery_power_w) AS battery_power_w_count,
       coalesce(sum(battery_soc_pct), 0) AS battery_soc_pct_sum,
       count(battery_soc_pct) AS battery_soc_pct_count, sum(load_power_w) AS load_power_w_sum,
       sum(export_power_w) AS export_power_w_sum, count(load_power_w) AS load_power_w_count,
       count(export_power_w) AS export_power_w_count
  FROM sungrow_samples
 GROUP BY 1, 2
WITH NO DATA;
SELECT add_continuous_aggregate_policy('sungrow_hourly', start_offset => NULL,
    end_offset => interval '1 hour', schedule_interval => interval '15 minutes');
COMMENT ON VIEW sungrow_hourly IS 'One hour UTC of one device; for SQL and Grafana. Local days: sungrow_local_daily.';
COMMENT ON COLUMN sungrow_hourly.device_id IS 'which device';
COMMENT ON COLUMN sungrow_hourly.bucket IS 'start of the hour, UTC';
COMMENT ON COLUMN sungrow_hourly.avg_pv_power_w IS 'W; mean of pv_power_w';
COMMENT ON COLUMN sungrow_hourly.max_pv_power_w IS 'W; greatest pv_power_w';
COMMENT ON COLUMN sungrow_hourly.avg_battery_power_w IS 'W; mean of battery_power_w where known; positive = charging';
COMMENT ON COLUMN sungrow_hourly.avg_battery_soc_pct IS '%; mean of battery_soc_pct where known';
COMMENT ON COLUMN sungrow_hourly.avg_load_power_w IS 'W; mean of load_power_w where known';
COMMENT ON COLUMN sungrow_hourly.avg_export_power_w IS 'W; mean of export_power_w where known; positive = exporting';
COMMENT ON COLUMN sungrow_hourly.sample_count IS 'how many samples';
COMMENT ON COLUMN sungrow_hourly.pv_power_w_sum IS 'W; sum of pv_power_w';
COMMENT ON COLUMN sungrow_hourly.battery_power_w_sum IS 'W; sum of battery_power_w';
COMMENT ON COLUMN sungrow_hourly.battery_power_w_count IS 'samples that have battery_power_w';
COMMENT ON COLUMN sungrow_hourly.battery_soc_pct_sum IS '%; sum of battery_soc_pct';
COMMENT ON COLUMN sungrow_hourly.battery_soc_pct_count IS 'samples that have battery_soc_pct';
COMMENT ON COLUMN sungrow_hourly.load_power_w_sum IS 'W; sum of load_power_w';
COMMENT ON COLUMN sungrow_hourly.export_power_w_sum IS 'W; sum of export_power_w';
COMMENT ON COLUMN sungrow_hourly.load_power_w_count IS 'samples that have load_power_w';
COMMENT ON COLUMN sungrow_hourly.export_power_w_count IS 'samples that have export_power_w';

CREATE MATERIALIZED VIEW sungrow_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT device_id, time_bucket('1 day', ts) AS bucket,
       avg(pv_power_w) AS avg_pv_power_w, max(pv_power_w) AS max_pv_power_w,
       avg(battery_power_w) AS avg_battery_power_w, avg(battery_soc_pct) AS avg_battery_soc_pct,
       avg(load_power_w) AS avg_load_power_w, avg(export_power_w) AS avg_export_power_w,
       count(*) AS sample_count, sum(pv_power_w) AS pv_power_w_sum,
       coalesce(sum(battery_power_w), 0) AS battery_power_w_sum,
       count(battery_power_w) AS battery_power_w_count,
       coalesce(sum(battery_soc_pct), 0) AS battery_soc_pct_sum,
       count(battery_soc_pct) AS battery_soc_pct_count, sum(load_power_w) AS load_power_w_sum,
       sum(export_power_w) AS export_power_w_sum, count(load_power_w) AS load_power_w_count,
       count(export_power_w) AS export_power_w_count
  FROM sungrow_samples
 GROUP BY 1, 2
WITH NO DATA;
SELECT add_continuous_aggregate_policy('sungrow_daily', start_offset => NULL,
    end_offset => interval '1 day', schedule_interval => interval '1 hour');
COMMENT ON VIEW sungrow_daily IS 'One day UTC of one device; for SQL and Grafana. Local days: sungrow_local_daily.';
COMMENT ON COLUMN sungrow_daily.device_id IS 'which device';
COMMENT ON COLUMN sungrow_daily.bucket IS 'start of the day, UTC';
COMMENT ON COLUMN sungrow_daily.avg_pv_power_w IS 'W; mean of pv_power_w';
COMMENT ON COLUMN sungrow_daily.max_pv_power_w IS 'W; greatest pv_power_w';
COMMENT ON COLUMN sungrow_daily.avg_battery_power_w IS 'W; mean of battery_power_w where known; positive = charging';
COMMENT ON COLUMN sungrow_daily.avg_battery_soc_pct IS '%; mean of battery_soc_pct where known';
COMMENT ON COLUMN sungrow_daily.avg_load_power_w IS 'W; mean of load_power_w where known';
COMMENT ON COLUMN sungrow_daily.avg_export_power_w IS 'W; mean of export_power_w where known; positive = exporting';
COMMENT ON COLUMN sungrow_daily.sample_count IS 'how many samples';
COMMENT ON COLUMN sungrow_daily.pv_power_w_sum IS 'W; sum of pv_power_w';
COMMENT ON COLUMN sungrow_daily.battery_power_w_sum IS 'W; sum of battery_power_w';
COMMENT ON COLUMN sungrow_daily.battery_power_w_count IS 'samples that have battery_power_w';
COMMENT ON COLUMN sungrow_daily.battery_soc_pct_sum IS '%; sum of battery_soc_pct';
COMMENT ON COLUMN sungrow_daily.battery_soc_pct_count IS 'samples that have battery_soc_pct';
COMMENT ON COLUMN sungrow_daily.load_power_w_sum IS 'W; sum of load_power_w';
COMMENT ON COLUMN sungrow_daily.export_power_w_sum IS 'W; sum of export_power_w';
COMMENT ON COLUMN sungrow_daily.load_power_w_count IS 'samples that have load_power_w';
COMMENT ON COLUMN sungrow_daily.export_power_w_count IS 'samples that have export_power_w';
