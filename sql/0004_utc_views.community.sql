-- Hours, days and months UTC for those who ask in SQL or Grafana. Hours and days are continuous
-- aggregates: new rows appear at once, late ones after the next run of the policy; start_offset NULL, so
-- that no row is ever too late. Both have fixed widths: aggregates of month width, or in a named zone,
-- lose late rows for ever (upstream issue 10296), so months are a view over the days' sums and counts.
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
       sum(export_power_w) AS export_power_w_sum
  FROM sungrow_samples
 GROUP BY 1, 2
WITH NO DATA;
SELECT add_continuous_aggregate_policy('sungrow_hourly', start_offset => NULL,
    end_offset => interval '1 hour', schedule_interval => interval '15 minutes');

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
       sum(export_power_w) AS export_power_w_sum
  FROM sungrow_samples
 GROUP BY 1, 2
WITH NO DATA;
SELECT add_continuous_aggregate_policy('sungrow_daily', start_offset => NULL,
    end_offset => interval '1 day', schedule_interval => interval '1 hour');

CREATE VIEW sungrow_monthly AS
SELECT device_id, date_trunc('month', bucket, 'UTC') AS bucket,
       sum(pv_power_w_sum) / sum(sample_count) AS avg_pv_power_w,
       max(max_pv_power_w) AS max_pv_power_w,
       sum(battery_power_w_sum) / nullif(sum(battery_power_w_count), 0) AS avg_battery_power_w,
       sum(battery_soc_pct_sum) / nullif(sum(battery_soc_pct_count), 0) AS avg_battery_soc_pct,
       sum(load_power_w_sum) / sum(sample_count) AS avg_load_power_w,
       sum(export_power_w_sum) / sum(sample_count) AS avg_export_power_w,
       sum(sample_count)::bigint AS sample_count, sum(pv_power_w_sum) AS pv_power_w_sum,
       sum(battery_power_w_sum) AS battery_power_w_sum,
       sum(battery_power_w_count)::bigint AS battery_power_w_count,
       sum(battery_soc_pct_sum) AS battery_soc_pct_sum,
       sum(battery_soc_pct_count)::bigint AS battery_soc_pct_count,
       sum(load_power_w_sum) AS load_power_w_sum, sum(export_power_w_sum) AS export_power_w_sum
  FROM sungrow_daily
 GROUP BY 1, 2;

COMMENT ON VIEW sungrow_hourly IS 'One hour UTC of one device; for SQL and Grafana. Local days: sungrow_local_daily.';
COMMENT ON VIEW sungrow_daily IS 'One day UTC of one device; for SQL and Grafana. Local days: sungrow_local_daily.';
COMMENT ON VIEW sungrow_monthly IS 'One month UTC of one device; for SQL and Grafana. Local days: sungrow_local_daily.';
