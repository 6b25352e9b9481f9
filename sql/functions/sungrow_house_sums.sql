-- What some samples of a house add up to with its grid meter beside them, by five minutes, or by another width
-- in the same shape. A sample pairs with the
-- reading nearest to its ts - lag, at most fifteen seconds away, the earlier one on a tie; one without a pair is not
-- counted. House use is what the inverter delivers (AC) and what the meter lets in.
--
-- Readings that are stored by the very statement that asks come along: TimescaleDB shows no query of a trigger the
-- first rows that its statement put into a compressed chunk.
CREATE OR REPLACE FUNCTION sungrow_house_sums(
    of_device text, samples sungrow_house_sample[], lag_s double precision,
    new_ts timestamptz[] DEFAULT '{}', new_power_w double precision[] DEFAULT '{}',
    width interval DEFAULT '5 minutes')
RETURNS SETOF sungrow_house_5min LANGUAGE sql STABLE AS $$
    WITH sample AS MATERIALIZED (
        SELECT *, ts - make_interval(secs => lag_s) AS at FROM unnest(samples) WHERE inverter_power_w IS NOT NULL
    ), span AS ( -- one range of readings for each five minutes, however far apart these are
        SELECT date_bin('5 minutes', at, '2000-01-01 00:00Z') AS slot, min(at) AS first, max(at) AS last
          FROM sample GROUP BY 1
    ), reading AS MATERIALIZED (
        SELECT slot, p.ts, p.power_w
          FROM span CROSS JOIN LATERAL (
               SELECT ts, power_w FROM p1_samples
                WHERE device_id = of_device AND power_w IS NOT NULL
                  AND ts >= first - interval '15 seconds' AND ts <= last + interval '15 seconds'
                UNION
               SELECT ts, power_w FROM unnest(new_ts, new_power_w) AS new (ts, power_w)
                WHERE power_w IS NOT NULL
                  AND ts >= first - interval '15 seconds' AND ts <= last + interval '15 seconds') AS p
    ), moment AS (
        SELECT slot, ts AS at, ts AS reading_ts FROM reading
        UNION ALL
        SELECT date_bin('5 minutes', at, '2000-01-01 00:00Z'), at, NULL FROM sample
    ), around AS (
        SELECT slot, at, reading_ts, max(reading_ts) OVER (PARTITION BY slot ORDER BY at) AS before,
               min(reading_ts) OVER (PARTITION BY slot ORDER BY at DESC) AS after
          FROM moment
    ), nearest AS (
        SELECT slot, at,
               CASE WHEN at - before <= after - at OR after IS NULL THEN before ELSE after END AS reading_ts
          FROM around WHERE reading_ts IS NULL
    ), pair AS (
        SELECT date_bin(width, s.ts, '2000-01-01 00:00Z') AS bucket, s.*, s.interval_s / 3600 AS hours,
               s.inverter_power_w + r.power_w AS load_power_w, - r.power_w AS export_power_w
          FROM sample AS s
          JOIN nearest AS n USING (at)
          JOIN reading AS r ON r.slot = n.slot AND r.ts = n.reading_ts
         WHERE n.reading_ts BETWEEN n.at - interval '15 seconds' AND n.at + interval '15 seconds' OFFSET 0
    )
    SELECT of_device, bucket, count(*), count(*) FILTER (WHERE is_metered), sum(interval_s),
           sum(load_power_w), sum(export_power_w), sum(load_power_w * hours) / 1000,
           sum(greatest(0, - export_power_w) * hours) / 1000,
           sum(greatest(export_power_w, 0) * hours) / 1000, count(solar_to_house_w),
           coalesce(sum(solar_to_house_w * hours), 0) / 1000,
           coalesce(sum(solar_to_battery_w * hours), 0) / 1000,
           coalesce(sum(solar_to_grid_w * hours), 0) / 1000,
           coalesce(sum(battery_to_house_w * hours), 0) / 1000,
           coalesce(sum(battery_to_grid_w * hours), 0) / 1000,
           coalesce(sum(grid_to_house_w * hours), 0) / 1000,
           coalesce(sum(grid_to_battery_w * hours), 0) / 1000,
           coalesce(sum(loss_w * hours), 0) / 1000
      FROM pair
      -- As in sungrow_rollup: no battery counts as 0, an undecidable direction leaves the sample out.
      LEFT JOIN LATERAL sungrow_flows(pv_power_w, coalesce(battery_power_w, 0), load_power_w, export_power_w) AS f
             ON battery_power_w IS NOT NULL OR battery_soc_pct IS NULL
     GROUP BY bucket
$$;
