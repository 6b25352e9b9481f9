-- Called by referee/stored: the powers of a day, all of a kind in the order of their times (seconds since 1970; those of
-- the samples less the lag). Each list is the bytes of its numbers one after the other, which is made, sent and read
-- in a third of the time of an array. The limits are far above what polls of 5 s and telegrams of 1 s make.
WITH sample AS (
    SELECT date_part('epoch', ts) - %(lag_s)s AS ts,
           coalesce(grid_power_w, -export_power_w)::double precision AS meter_w,
           inverter_power_w::double precision AS ac_w
      FROM sungrow_samples
     WHERE device_id = %(device_id)s
       AND ts >= %(first)s + %(lag_s)s * interval '1 second' AND ts < %(end)s + %(lag_s)s * interval '1 second'
     ORDER BY sungrow_samples.ts LIMIT 40000
), p1 AS (
    SELECT date_part('epoch', ts) AS ts, power_w, power_l1_w, power_l2_w, power_l3_w,
           num_nulls(power_l1_w, power_l2_w, power_l3_w) AS untold
      FROM p1_samples
     WHERE device_id = %(device_id)s AND power_w IS NOT NULL
       AND ts >= %(first)s - interval '1 minute' AND ts < %(end)s + interval '1 minute'
     ORDER BY p1_samples.ts LIMIT 200000
)
SELECT samples.*, rows.*
  FROM (SELECT string_agg(float8send(ts), '') FILTER (WHERE meter_w IS NOT NULL) AS meter_ts,
               string_agg(float8send(meter_w), '') FILTER (WHERE meter_w IS NOT NULL) AS meter_w,
               string_agg(float8send(ts), '') FILTER (WHERE ac_w IS NOT NULL) AS ac_ts,
               string_agg(float8send(ac_w), '') FILTER (WHERE ac_w IS NOT NULL) AS ac_w,
               array_agg(DISTINCT floor(ts / 900)) AS seen
          FROM sample) AS samples
 CROSS JOIN (SELECT string_agg(float8send(ts), '') AS p1_ts, string_agg(float8send(power_w), '') AS p1_w,
                    max(untold) = 0 AS has_phases,
                    string_agg(float8send(power_l1_w), '') AS l1_w,
                    string_agg(float8send(power_l2_w), '') AS l2_w,
                    string_agg(float8send(power_l3_w), '') AS l3_w
               FROM p1) AS rows
