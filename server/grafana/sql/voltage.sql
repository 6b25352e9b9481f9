-- Voltage and frequency as the inverter and the grid (P1) meter measure them, of the last two days of the time: they
-- come from the readings themselves. A row for each step, as in powers.
WITH asked AS (
    SELECT greatest(60, ceil($__interval_ms / 60000.0) * 60)::bigint AS step_s,
           greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - interval '2 days') AS first
), step AS (
    SELECT generate_series(floor(extract(epoch FROM first) / step_s)::bigint * step_s,
                           extract(epoch FROM $__timeTo()::timestamptz)::bigint, step_s) AS at
      FROM asked
), inverter AS (
    SELECT floor(extract(epoch FROM ts) / step_s)::bigint * step_s AS at, avg(grid_voltage_v) AS avg_grid_voltage_v,
           avg(grid_frequency_hz) AS avg_grid_frequency_hz
      FROM asked CROSS JOIN sungrow_samples
     WHERE device_id = ${device:sqlstring} AND ts <= $__timeTo()::timestamptz
       AND ts >= greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - interval '2 days')
     GROUP BY 1
), meter AS (
    SELECT floor(extract(epoch FROM ts) / step_s)::bigint * step_s AS at, avg(voltage_l1_v) AS avg_voltage_l1_v,
           avg(voltage_l2_v) AS avg_voltage_l2_v, avg(voltage_l3_v) AS avg_voltage_l3_v
      FROM asked CROSS JOIN p1_samples
     WHERE device_id = ${device:sqlstring} AND ts <= $__timeTo()::timestamptz
       AND ts >= greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - interval '2 days')
     GROUP BY 1
)
SELECT to_timestamp(at) AS "time", avg_grid_voltage_v, avg_voltage_l1_v, avg_voltage_l2_v, avg_voltage_l3_v,
       avg_grid_frequency_hz
  FROM step LEFT JOIN inverter USING (at) LEFT JOIN meter USING (at)
 ORDER BY 1
