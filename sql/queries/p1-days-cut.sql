-- Called by database/rollups: the local days of a grid meter, from their five minutes, as the trigger adds them up.
INSERT INTO p1_local_daily (
    device_id, bucket, sample_count, first_ts, last_ts, covered_s, powered_s, power_w_count, power_w_sum,
    power_w_min, power_w_max, import_power_w_count, import_power_w_sum, import_power_w_max,
    import_integral_kwh, export_integral_kwh, odd_steps, import_first, import_last, import_min, import_max,
    export_first, export_last, export_min, export_max, gas_first, gas_last, gas_min, gas_max, water_first,
    water_last, water_min, water_max)
SELECT device_id, (bucket AT TIME ZONE %(zone)s)::date,
       sum(sample_count)::bigint, min(first_ts), max(last_ts), sum(covered_s), sum(powered_s),
       sum(power_w_count)::bigint, sum(power_w_sum), min(power_w_min), max(power_w_max),
       sum(import_power_w_count)::bigint, sum(import_power_w_sum), max(import_power_w_max),
       sum(import_integral_kwh), sum(export_integral_kwh), sum(odd_steps)::bigint,
       (min(ARRAY[import_first]) FILTER (WHERE (import_first).ts IS NOT NULL))[1],
       (max(ARRAY[import_last]) FILTER (WHERE (import_last).ts IS NOT NULL))[1], min(import_min),
       max(import_max), (min(ARRAY[export_first]) FILTER (WHERE (export_first).ts IS NOT NULL))[1],
       (max(ARRAY[export_last]) FILTER (WHERE (export_last).ts IS NOT NULL))[1], min(export_min),
       max(export_max), (min(ARRAY[gas_first]) FILTER (WHERE (gas_first).ts IS NOT NULL))[1],
       (max(ARRAY[gas_last]) FILTER (WHERE (gas_last).ts IS NOT NULL))[1], min(gas_min), max(gas_max),
       (min(ARRAY[water_first]) FILTER (WHERE (water_first).ts IS NOT NULL))[1],
       (max(ARRAY[water_last]) FILTER (WHERE (water_last).ts IS NOT NULL))[1], min(water_min), max(water_max)
  FROM p1_5min
 WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
   AND (bucket AT TIME ZONE %(zone)s)::date <> ALL (%(days)s::date[])
 GROUP BY 1, 2
