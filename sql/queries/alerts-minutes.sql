-- Called by alerts/gather and alerts/past: what the readings of each minute say. With by_arrival, one row for each
-- minute in which some of them arrived, and the counters and energies, which are otherwise taken from the rollups.
SELECT device_id, date_trunc('minute', ts) AS start, count(*) AS n, min(ts) AS first_ts, max(ts) AS last_ts,
       max(received_at) AS received_at,
       max(pv_power_w) AS pv_max,
       max(greatest(mppt1_voltage_v, mppt2_voltage_v, mppt3_voltage_v, mppt4_voltage_v)) AS volts_max,
       coalesce(array_agg(DISTINCT running_state) FILTER (WHERE running_state IS NOT NULL), '{}') AS states,
       (max(ARRAY[extract(epoch FROM ts)::double precision, running_state])
            FILTER (WHERE running_state IS NOT NULL))[2]::integer AS state_last,
       coalesce(array_agg(DISTINCT faults) FILTER (WHERE faults IS NOT NULL), '{}') AS faults,
       (max(ARRAY[to_char(ts AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), faults]) FILTER (WHERE faults IS NOT NULL))[2]
           AS faults_last,
       coalesce(sum(grid_voltage_v), 0) AS grid_v_sum, count(grid_voltage_v) AS grid_v_n,
       min(grid_frequency_hz) AS hz_min, max(grid_frequency_hz) AS hz_max,
       min(battery_soc_pct) AS soc_min, max(battery_soc_pct) AS soc_max,
       coalesce(sum(battery_power_w * interval_s), 0) / 3600 AS charge_wh,
       min(battery_power_w) AS power_min, max(battery_power_w) AS power_max,
       min(battery_temp_c) AS temp_min, max(battery_temp_c) AS temp_max, max(inverter_temp_c) AS inverter_temp,
       max(abs(export_power_w)) AS grid_w_max,
       max(bms_max_charge_a) AS may_charge, max(bms_max_discharge_a) AS may_discharge, max(battery_soh_pct) AS soh,
       min(print) AS print_min, max(print) AS print_max, min(fields) AS print_fields, min(alive) AS print_alive,
       coalesce(array_agg(DISTINCT boot) FILTER (WHERE boot IS NOT NULL AND %(by_arrival)s), '{}') AS boots,
       ARRAY[min(sungrow_string_va(mppt1_voltage_v, mppt1_current_a)),
             min(sungrow_string_va(mppt2_voltage_v, mppt2_current_a)),
             min(sungrow_string_va(mppt3_voltage_v, mppt3_current_a)),
             min(sungrow_string_va(mppt4_voltage_v, mppt4_current_a))] AS string_w,
       ARRAY[max(mppt1_voltage_v), max(mppt2_voltage_v), max(mppt3_voltage_v), max(mppt4_voltage_v)] AS string_v,
       ARRAY[sum(pv_power_w * interval_s) FILTER (WHERE %(by_arrival)s),
             sum(greatest(-export_power_w, 0) * interval_s) FILTER (WHERE %(by_arrival)s),
             sum(greatest(export_power_w, 0) * interval_s) FILTER (WHERE %(by_arrival)s),
             sum(greatest(battery_power_w, 0) * interval_s) FILTER (WHERE %(by_arrival)s),
             sum(greatest(-battery_power_w, 0) * interval_s) FILTER (WHERE %(by_arrival)s)] AS ws,
       min(counters) FILTER (WHERE %(by_arrival)s AND has_counters) AS counters_first,
       max(counters) FILTER (WHERE %(by_arrival)s AND has_counters) AS counters_last
  FROM sungrow_samples
 -- Two readings alike in all of this have the same sum, and others as good as never.
 CROSS JOIN LATERAL (
    SELECT pv_power_w + 1.31 * coalesce(battery_power_w, 0) + 1.73 * coalesce(load_power_w, 0)
           + 2.11 * coalesce(export_power_w, 0) + 2.57 * coalesce(grid_power_w, 0)
           + 3.03 * coalesce(inverter_power_w, 0) + 17.9 * coalesce(mppt1_voltage_v, 0)
           + 19.7 * coalesce(mppt2_voltage_v, 0) + 23.3 * coalesce(mppt1_current_a, 0)
           + 29.9 * coalesce(mppt2_current_a, 0) + 31.1 * coalesce(battery_voltage_v, 0)
           + 37.7 * coalesce(battery_current_a, 0) + 41.9 * coalesce(grid_voltage_v, 0)
           + 43.7 * coalesce(inverter_temp_c, 0) AS print,
           num_nonnulls(pv_power_w, battery_power_w, load_power_w, export_power_w, grid_power_w, inverter_power_w,
               mppt1_voltage_v, mppt2_voltage_v, mppt1_current_a, mppt2_current_a, battery_voltage_v,
               battery_current_a, grid_voltage_v, inverter_temp_c) AS fields,
           num_nonnulls(nullif(pv_power_w, 0), nullif(battery_power_w, 0), nullif(load_power_w, 0),
               nullif(export_power_w, 0), nullif(grid_power_w, 0), nullif(inverter_power_w, 0),
               nullif(battery_current_a, 0), nullif(grid_voltage_v, 0)) AS alive,
           coalesce(pv_total_kwh, 0) > 0 OR coalesce(total_import_kwh, 0) > 0 OR coalesce(total_export_kwh, 0) > 0
           OR coalesce(battery_total_charge_kwh, 0) > 0 OR coalesce(battery_total_discharge_kwh, 0) > 0
               AS has_counters,
           ARRAY[extract(epoch FROM ts)::double precision, coalesce(pv_total_kwh, 0), coalesce(total_import_kwh, 0),
                 coalesce(total_export_kwh, 0), coalesce(battery_total_charge_kwh, 0),
                 coalesce(battery_total_discharge_kwh, 0)] AS counters
    ) AS one
 WHERE device_id = ANY (%(device_ids)s) AND ts >= %(first)s AND ts < %(end)s AND received_at <= %(known)s
 GROUP BY device_id, date_trunc('minute', ts),
          CASE WHEN %(by_arrival)s THEN date_trunc('minute', received_at) END
 ORDER BY device_id, start
