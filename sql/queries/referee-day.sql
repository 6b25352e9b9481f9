-- Called by referee/stored: the powers of a day, each a list, and all of a kind in the order of their times (seconds
-- since 1970; those of the samples less the lag). Lists are read much faster than as many rows. The limits are far
-- above what polls of 5 s and telegrams of 1 s make.
WITH sample AS (
    SELECT date_part('epoch', ts) - %(lag_s)s AS ts,
           coalesce(grid_power_w, -export_power_w)::double precision AS meter_w, inverter_power_w AS ac_w
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
  FROM (SELECT array_agg(ts) FILTER (WHERE meter_w IS NOT NULL) AS meter_ts,
               array_agg(meter_w) FILTER (WHERE meter_w IS NOT NULL) AS meter_w,
               array_agg(ts) FILTER (WHERE ac_w IS NOT NULL) AS ac_ts,
               array_agg(ac_w) FILTER (WHERE ac_w IS NOT NULL) AS ac_w,
               array_agg(DISTINCT floor(ts / 900)) AS seen
          FROM sample) AS samples
 CROSS JOIN (SELECT array_agg(ts) AS p1_ts, array_agg(power_w) AS p1_w, max(untold) = 0 AS has_phases,
                    array_agg(power_l1_w) AS l1_w, array_agg(power_l2_w) AS l2_w, array_agg(power_l3_w) AS l3_w
               FROM p1) AS rows
