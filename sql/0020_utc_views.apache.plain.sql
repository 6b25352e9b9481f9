-- As 0004 has them: averages are of the samples that have a value.
CREATE OR REPLACE VIEW sungrow_hourly AS
SELECT device_id, date_trunc('hour', bucket, 'UTC') AS bucket,
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
       sum(load_power_w_sum) AS load_power_w_sum, sum(export_power_w_sum) AS export_power_w_sum
  FROM sungrow_5min
 GROUP BY 1, 2;

CREATE OR REPLACE VIEW sungrow_daily AS
SELECT device_id, date_trunc('day', bucket, 'UTC') AS bucket,
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
       sum(load_power_w_sum) AS load_power_w_sum, sum(export_power_w_sum) AS export_power_w_sum
  FROM sungrow_5min
 GROUP BY 1, 2;

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
       sum(load_power_w_sum) AS load_power_w_sum, sum(export_power_w_sum) AS export_power_w_sum
  FROM sungrow_5min
 GROUP BY 1, 2;
