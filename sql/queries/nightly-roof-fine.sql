-- Called by nightly/roof_rows and api/roof_curve: the five minutes of some days in a row, a row a string, as server/roof/rows.py has them. What
-- the rollups do not know (power and temperature of the inverter, its state, what the battery allows) is read from the
-- readings; where these are gone (an old chunk was dropped) it is null.
WITH raw AS MATERIALIZED (
    SELECT date_bin('5 minutes', ts, '2000-01-01Z') AS bucket,
           avg(inverter_power_w) FILTER (WHERE abs(inverter_power_w) <= 1e6) AS inverter_w,
           avg(inverter_temp_c) FILTER (WHERE abs(inverter_temp_c) <= 1e3) AS temp_c,
           max(bms_max_charge_a) AS may_charge_a, max(bms_max_discharge_a) AS may_discharge_a,
           CASE WHEN min(running_state) = max(running_state) THEN min(running_state) END AS running_state
      FROM sungrow_samples
     WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
     GROUP BY 1
), house AS (
    SELECT bucket, sample_count, covered_s, export_power_w_sum, export_power_w_nulls, battery_soc_pct_sum, battery_soc_pct_count,
           battery_power_w_sum, battery_power_w_count
      FROM sungrow_5min
     WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
)
SELECT extract(epoch FROM bucket)::bigint AS bucket_s, string, p_sum / n AS power_w,
       sungrow_or_zero(u_sum) / n AS voltage_v, sungrow_or_zero(i_sum) / n AS current_a, n, limited_n, inverter_w,
       export_power_w_sum / nullif(sample_count - export_power_w_nulls, 0) AS export_w,
       battery_soc_pct_sum / nullif(battery_soc_pct_count, 0) AS soc_pct,
       battery_power_w_sum / nullif(battery_power_w_count, 0) AS battery_w,
       CASE WHEN may_charge_a > 0 THEN true WHEN may_charge_a = 0 AND may_discharge_a > 0 THEN false END AS may_charge,
       running_state, temp_c, least(covered_s, 3600) AS covered_s
  FROM sungrow_strings_5min
  LEFT JOIN house USING (bucket)
  LEFT JOIN raw USING (bucket)
 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
   -- What no string can give (by hand also NaN may be stored) would stop the analysis of all other days.
   AND p_sum / n <= 1e6
 ORDER BY bucket, string
