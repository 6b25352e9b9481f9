-- Called by nightly/battery_rows: the five minutes of some days in a row, and a margin before them, as server/battery/rows.py
-- has them; and, on the way, makes the hours of sungrow_battery_hourly of these days again. What the rollups do not
-- know (temperature, voltage, health, state, limits) is read from the readings, once. Where these are gone and the
-- rollups are not (an old chunk was dropped), the hours stay as they are.
WITH raw AS MATERIALIZED (
    SELECT date_bin('5 minutes', ts, '2000-01-01Z') AS bucket,
           count(battery_temp_c) AS temp_count, coalesce(sum(battery_temp_c), 0) AS temp_sum,
           min(battery_temp_c) AS temp_min, max(battery_temp_c) AS temp_max,
           count(battery_voltage_v) FILTER (WHERE abs(battery_power_w) < %(rest_w)s) AS rest_count,
           coalesce(sum(battery_voltage_v) FILTER (WHERE abs(battery_power_w) < %(rest_w)s), 0) AS rest_sum,
           count(battery_soh_pct) AS soh_count, coalesce(sum(battery_soh_pct), 0) AS soh_sum,
           min(battery_voltage_v) AS least_v, min(running_state) AS least_state, max(running_state) AS greatest_state,
           max(bms_max_charge_a) AS may_charge_a, max(bms_max_discharge_a) AS may_discharge_a
      FROM sungrow_samples
     WHERE device_id = %(device_id)s AND ts >= %(margin)s AND ts < %(hours_end)s
     GROUP BY 1
), fine AS MATERIALIZED (
    SELECT f.*, date_trunc('hour', bucket, 'UTC') AS hour, raw.bucket IS NOT NULL AS has_raw,
           temp_count, temp_sum, temp_min, temp_max, rest_count, rest_sum, soh_count, soh_sum, least_v,
           CASE WHEN least_state = greatest_state THEN least_state END AS state, may_charge_a, may_discharge_a
      FROM sungrow_battery_fine(%(device_id)s, %(margin)s, %(hours_end)s) AS f
      LEFT JOIN raw USING (bucket)
), banded AS (
    SELECT hour, array_agg(ROW(soc, temp, rate, direction, seconds)::sungrow_battery_band
                           ORDER BY soc, temp, rate, direction) AS bands
      FROM (SELECT hour,
                   (%(soc_edges)s::double precision[])[
                       width_bucket(soc_mean_pct, %(soc_edges)s::double precision[])] AS soc,
                   (%(temp_edges)s::double precision[])[
                       width_bucket(temp_sum / nullif(temp_count, 0), %(temp_edges)s::double precision[])] AS temp,
                   (%(rate_edges)s::double precision[])[
                       width_bucket(abs(battery_mean_w) / (1000 * %(capacity_kwh)s::double precision),
                                    %(rate_edges)s::double precision[])] AS rate,
                   CASE WHEN abs(battery_mean_w) < %(rest_w)s THEN 0 ELSE sign(battery_mean_w)::integer END AS direction,
                   sum(covered_s) AS seconds
              FROM fine WHERE has_raw AND soc_mean_pct IS NOT NULL AND battery_mean_w IS NOT NULL
             GROUP BY 1, 2, 3, 4, 5) AS band
     GROUP BY hour
), hours AS MATERIALIZED (
    SELECT hour, bool_or(has_raw) AS has_raw, coalesce(sum(covered_s) FILTER (WHERE has_raw), 0) AS covered_s,
           coalesce(sum(temp_count), 0) AS temp_count, coalesce(sum(temp_sum), 0) AS temp_sum,
           min(temp_min) AS temp_min, max(temp_max) AS temp_max,
           coalesce(sum(rest_count), 0) AS rest_count, coalesce(sum(rest_sum), 0) AS rest_sum,
           coalesce(sum(soh_count), 0) AS soh_count, coalesce(sum(soh_sum), 0) AS soh_sum
      FROM fine GROUP BY hour
), whole AS MATERIALIZED (
    SELECT hours.*, bands, bands IS NOT NULL OR temp_count + rest_count + soh_count > 0 AS has_battery
      FROM hours LEFT JOIN banded USING (hour)
), made AS (
    INSERT INTO sungrow_battery_hourly
    SELECT %(device_id)s, hour, covered_s, temp_count, temp_sum, temp_min, temp_max, rest_count, rest_sum, soh_count,
           soh_sum, coalesce(bands, '{}')
      FROM whole WHERE has_raw AND has_battery AND hour >= %(hours_first)s
    ON CONFLICT (device_id, bucket) DO UPDATE
       SET covered_s = excluded.covered_s, temp_c_count = excluded.temp_c_count, temp_c_sum = excluded.temp_c_sum,
           temp_c_min = excluded.temp_c_min, temp_c_max = excluded.temp_c_max, rest_v_count = excluded.rest_v_count,
           rest_v_sum = excluded.rest_v_sum, soh_pct_count = excluded.soh_pct_count, soh_pct_sum = excluded.soh_pct_sum,
           bands = excluded.bands
), gone AS (
    DELETE FROM sungrow_battery_hourly
     WHERE device_id = %(device_id)s AND bucket >= %(hours_first)s AND bucket < %(hours_end)s
       AND bucket NOT IN (SELECT hour FROM whole WHERE has_battery OR NOT has_raw)
)
SELECT extract(epoch FROM f.bucket)::bigint, f.covered_s, soc_mean_pct, soc_min_pct, soc_max_pct,
       battery_mean_w, battery_min_w, battery_max_w, charge_kwh, discharge_kwh,
       extract(epoch FROM (counters_first).ts)::double precision,
       (counters_first).battery_total_charge_kwh, (counters_first).battery_total_discharge_kwh,
       extract(epoch FROM (counters_last).ts)::double precision,
       (counters_last).battery_total_charge_kwh, (counters_last).battery_total_discharge_kwh,
       pv_kwh, load_kwh, import_kwh, export_kwh,
       solar_to_battery_kwh, grid_to_battery_kwh, battery_to_house_kwh, battery_to_grid_kwh,
       coalesce(of_hour.temp_sum / nullif(of_hour.temp_count, 0), kept.temp_c_sum / nullif(kept.temp_c_count, 0)),
       coalesce(of_hour.soh_sum / nullif(of_hour.soh_count, 0), kept.soh_pct_sum / nullif(kept.soh_pct_count, 0)),
       state, least_v / %(cells)s::double precision,
       CASE WHEN may_charge_a > 0 THEN true WHEN may_charge_a = 0 AND may_discharge_a > 0 THEN false END,
       CASE WHEN may_discharge_a > 0 THEN true WHEN may_discharge_a = 0 AND may_charge_a > 0 THEN false END
  FROM fine AS f
  JOIN whole AS of_hour USING (hour)
  LEFT JOIN (SELECT * FROM sungrow_battery_hourly
              WHERE device_id = %(device_id)s AND bucket >= %(margin)s AND bucket < %(hours_end)s) AS kept
         ON kept.bucket = hour AND NOT of_hour.has_raw
 ORDER BY f.bucket
