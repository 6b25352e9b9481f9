-- Keeps the rollups of the grid meters in the transaction that stores the readings, late and out-of-order ones
-- included, on every edition of the database: so they are exact at every moment. A client that stores readings of a
-- meter holds its device's lock alone, so no two of them work here at the same time.
--
-- A reading represents the time since the one before it, at most 60 seconds. One that arrives between two others
-- takes a part of what the later one represented: so of the readings that were stored already and follow a new one,
-- the difference is added. New readings that are at most two minutes apart are looked at together, with the minute
-- before and the minute after them. The new ones are those of the statement, never those of the table: TimescaleDB
-- shows no query of a trigger the first rows that its statement put into a compressed chunk.
--
-- To keep more of these readings in the same transaction (the house, joined with the inverter), add a statement
-- trigger beside this one. server.rebuild runs a copy of each trigger of p1_samples, in the order of their names, on
-- the rows that remain: in such a copy TG_RELID is another table, all rows of which are in p1_samples too.
CREATE OR REPLACE FUNCTION p1_rollup() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_rebuild boolean := TG_RELID <> 'p1_samples'::regclass;
BEGIN
    WITH begun AS (
        SELECT device_id, ts, (ts - lag(ts) OVER by_time <= interval '120 seconds') IS NOT TRUE AS begins
          FROM new_samples WINDOW by_time AS (PARTITION BY device_id ORDER BY ts)
    ), numbered AS (
        SELECT device_id, ts, count(*) FILTER (WHERE begins) OVER (PARTITION BY device_id ORDER BY ts) AS island
          FROM begun
    ), island AS (
        SELECT device_id, island, min(ts) - interval '60 seconds' AS first, max(ts) + interval '60 seconds' AS last
          FROM numbered GROUP BY device_id, island
    ), near AS (
        SELECT i.device_id, i.island, n.*, false AS is_new
          FROM island i CROSS JOIN LATERAL p1_near(i.device_id, i.first, i.last) n
          LEFT JOIN new_samples arrived ON arrived.device_id = i.device_id AND arrived.ts = n.ts
         WHERE arrived.ts IS NULL
        UNION ALL
        SELECT device_id, island, ts, sungrow_or_zero(power_w), p1_draw_w(import_power_w, power_w),
               ROW(ts, p1_total(energy_import_kwh, import_t1_kwh, import_t2_kwh), meter_id)::p1_counter,
               ROW(ts, p1_total(energy_export_kwh, export_t1_kwh, export_t2_kwh), meter_id)::p1_counter,
               ROW(ts, sungrow_or_zero(gas_m3), NULL)::p1_counter,
               ROW(ts, sungrow_or_zero(water_m3), NULL)::p1_counter, true
          FROM new_samples JOIN numbered USING (device_id, ts)
    ), beside AS (
        SELECT *, lag(import_at) OVER by_time AS import_before, lag(export_at) OVER by_time AS export_before,
               (max(ARRAY[import_at]) FILTER (WHERE NOT is_new) OVER old)[1] AS import_was_before,
               (max(ARRAY[export_at]) FILTER (WHERE NOT is_new) OVER old)[1] AS export_was_before
          FROM near
        WINDOW by_time AS (PARTITION BY device_id, island ORDER BY ts),
               old AS (by_time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), timed AS (
        SELECT *, p1_stands_s((import_before).ts, ts) AS stands_s,
               CASE WHEN is_new THEN 0 ELSE p1_stands_s((import_was_before).ts, ts) END AS stood_s
          FROM beside
         WHERE is_new OR NOT is_rebuild AND (import_before).ts IS DISTINCT FROM (import_was_before).ts
    ), changed AS (
        SELECT t.*, stands_s - stood_s AS more_s,
               p1_is_odd(date_part('epoch', t.ts - (import_before).ts),
                         (import_at).total - (import_before).total, (export_at).total - (export_before).total,
                         (import_at).meter_id <> (import_before).meter_id) AS is_odd,
               NOT is_new AND p1_is_odd(
                   date_part('epoch', t.ts - (import_was_before).ts),
                   (import_at).total - (import_was_before).total, (export_at).total - (export_was_before).total,
                   (import_at).meter_id <> (import_was_before).meter_id) AS was_odd,
               date_bin('5 minutes', t.ts, '2000-01-01 00:00Z') AS bucket,
               (date_bin('5 minutes', t.ts, '2000-01-01 00:00Z')
                AT TIME ZONE coalesce(timezone, (SELECT timezone FROM sungrow_site)))::date AS day
          FROM timed t LEFT JOIN sungrow_devices USING (device_id)
    ), summary AS MATERIALIZED (
        SELECT device_id, bucket, day,
               count(*) FILTER (WHERE is_new) AS sample_count,
               min(ts) AS first_ts,
               max(ts) AS last_ts,
               sum(more_s) AS covered_s,
               coalesce(sum(more_s) FILTER (WHERE draw_w IS NOT NULL), 0) AS powered_s,
               count(power_w) FILTER (WHERE is_new) AS power_w_count,
               coalesce(sum(power_w) FILTER (WHERE is_new), 0) AS power_w_sum,
               min(power_w) AS power_w_min,
               max(power_w) AS power_w_max,
               count(draw_w) FILTER (WHERE is_new) AS import_power_w_count,
               coalesce(sum(draw_w) FILTER (WHERE is_new), 0) AS import_power_w_sum,
               max(draw_w) AS import_power_w_max,
               coalesce(sum(draw_w * (more_s / 3600)) / 1000, 0) AS import_integral_kwh,
               coalesce(sum(greatest(draw_w - power_w, 0) * (more_s / 3600)) / 1000, 0) AS export_integral_kwh,
               sum(is_odd::int - was_odd::int) AS odd_steps,
               (min(ARRAY[import_at]) FILTER (WHERE (import_at).total IS NOT NULL))[1] AS import_first,
               (max(ARRAY[import_at]) FILTER (WHERE (import_at).total IS NOT NULL))[1] AS import_last,
               min((import_at).total) AS import_min,
               max((import_at).total) AS import_max,
               (min(ARRAY[export_at]) FILTER (WHERE (export_at).total IS NOT NULL))[1] AS export_first,
               (max(ARRAY[export_at]) FILTER (WHERE (export_at).total IS NOT NULL))[1] AS export_last,
               min((export_at).total) AS export_min,
               max((export_at).total) AS export_max,
               (min(ARRAY[gas_at]) FILTER (WHERE (gas_at).total IS NOT NULL))[1] AS gas_first,
               (max(ARRAY[gas_at]) FILTER (WHERE (gas_at).total IS NOT NULL))[1] AS gas_last,
               min((gas_at).total) AS gas_min,
               max((gas_at).total) AS gas_max,
               (min(ARRAY[water_at]) FILTER (WHERE (water_at).total IS NOT NULL))[1] AS water_first,
               (max(ARRAY[water_at]) FILTER (WHERE (water_at).total IS NOT NULL))[1] AS water_last,
               min((water_at).total) AS water_min,
               max((water_at).total) AS water_max
          FROM changed
         GROUP BY GROUPING SETS ((device_id, bucket), (device_id, day))
    ), five_minutes AS (
        INSERT INTO p1_5min AS r (
            device_id, bucket, sample_count, first_ts, last_ts, covered_s, powered_s, power_w_count,
            power_w_sum, power_w_min, power_w_max, import_power_w_count, import_power_w_sum,
            import_power_w_max, import_integral_kwh, export_integral_kwh, odd_steps, import_first, import_last,
            import_min, import_max, export_first, export_last, export_min, export_max, gas_first, gas_last,
            gas_min, gas_max, water_first, water_last, water_min, water_max)
        SELECT device_id, bucket, sample_count, first_ts, last_ts, covered_s, powered_s, power_w_count,
               power_w_sum, power_w_min, power_w_max, import_power_w_count, import_power_w_sum,
               import_power_w_max, import_integral_kwh, export_integral_kwh, odd_steps, import_first,
               import_last, import_min, import_max, export_first, export_last, export_min, export_max,
               gas_first, gas_last, gas_min, gas_max, water_first, water_last, water_min, water_max
          FROM summary WHERE bucket IS NOT NULL
         ORDER BY device_id, bucket -- one order of locks for all writers
        ON CONFLICT (device_id, bucket) DO UPDATE SET
            sample_count = r.sample_count + excluded.sample_count,
            first_ts = least(r.first_ts, excluded.first_ts), last_ts = greatest(r.last_ts, excluded.last_ts),
            covered_s = r.covered_s + excluded.covered_s, powered_s = r.powered_s + excluded.powered_s,
            power_w_count = r.power_w_count + excluded.power_w_count,
            power_w_sum = r.power_w_sum + excluded.power_w_sum,
            power_w_min = least(r.power_w_min, excluded.power_w_min),
            power_w_max = greatest(r.power_w_max, excluded.power_w_max),
            import_power_w_count = r.import_power_w_count + excluded.import_power_w_count,
            import_power_w_sum = r.import_power_w_sum + excluded.import_power_w_sum,
            import_power_w_max = greatest(r.import_power_w_max, excluded.import_power_w_max),
            import_integral_kwh = r.import_integral_kwh + excluded.import_integral_kwh,
            export_integral_kwh = r.export_integral_kwh + excluded.export_integral_kwh,
            odd_steps = r.odd_steps + excluded.odd_steps,
            import_first = least(r.import_first, excluded.import_first),
            import_last = greatest(r.import_last, excluded.import_last),
            import_min = least(r.import_min, excluded.import_min),
            import_max = greatest(r.import_max, excluded.import_max),
            export_first = least(r.export_first, excluded.export_first),
            export_last = greatest(r.export_last, excluded.export_last),
            export_min = least(r.export_min, excluded.export_min),
            export_max = greatest(r.export_max, excluded.export_max),
            gas_first = least(r.gas_first, excluded.gas_first),
            gas_last = greatest(r.gas_last, excluded.gas_last), gas_min = least(r.gas_min, excluded.gas_min),
            gas_max = greatest(r.gas_max, excluded.gas_max),
            water_first = least(r.water_first, excluded.water_first),
            water_last = greatest(r.water_last, excluded.water_last),
            water_min = least(r.water_min, excluded.water_min),
            water_max = greatest(r.water_max, excluded.water_max)
    )
    INSERT INTO p1_local_daily AS r (
        device_id, bucket, sample_count, first_ts, last_ts, covered_s, powered_s, power_w_count, power_w_sum,
        power_w_min, power_w_max, import_power_w_count, import_power_w_sum, import_power_w_max,
        import_integral_kwh, export_integral_kwh, odd_steps, import_first, import_last, import_min, import_max,
        export_first, export_last, export_min, export_max, gas_first, gas_last, gas_min, gas_max, water_first,
        water_last, water_min, water_max)
    SELECT device_id, day, sample_count, first_ts, last_ts, covered_s, powered_s, power_w_count, power_w_sum,
           power_w_min, power_w_max, import_power_w_count, import_power_w_sum, import_power_w_max,
           import_integral_kwh, export_integral_kwh, odd_steps, import_first, import_last, import_min,
           import_max, export_first, export_last, export_min, export_max, gas_first, gas_last, gas_min,
           gas_max, water_first, water_last, water_min, water_max
      FROM summary WHERE day IS NOT NULL
     ORDER BY device_id, day -- one order of locks for all writers
    ON CONFLICT (device_id, bucket) DO UPDATE SET
        sample_count = r.sample_count + excluded.sample_count, first_ts = least(r.first_ts, excluded.first_ts),
        last_ts = greatest(r.last_ts, excluded.last_ts), covered_s = r.covered_s + excluded.covered_s,
        powered_s = r.powered_s + excluded.powered_s, power_w_count = r.power_w_count + excluded.power_w_count,
        power_w_sum = r.power_w_sum + excluded.power_w_sum,
        power_w_min = least(r.power_w_min, excluded.power_w_min),
        power_w_max = greatest(r.power_w_max, excluded.power_w_max),
        import_power_w_count = r.import_power_w_count + excluded.import_power_w_count,
        import_power_w_sum = r.import_power_w_sum + excluded.import_power_w_sum,
        import_power_w_max = greatest(r.import_power_w_max, excluded.import_power_w_max),
        import_integral_kwh = r.import_integral_kwh + excluded.import_integral_kwh,
        export_integral_kwh = r.export_integral_kwh + excluded.export_integral_kwh,
        odd_steps = r.odd_steps + excluded.odd_steps,
        import_first = least(r.import_first, excluded.import_first),
        import_last = greatest(r.import_last, excluded.import_last),
        import_min = least(r.import_min, excluded.import_min),
        import_max = greatest(r.import_max, excluded.import_max),
        export_first = least(r.export_first, excluded.export_first),
        export_last = greatest(r.export_last, excluded.export_last),
        export_min = least(r.export_min, excluded.export_min),
        export_max = greatest(r.export_max, excluded.export_max),
        gas_first = least(r.gas_first, excluded.gas_first), gas_last = greatest(r.gas_last, excluded.gas_last),
        gas_min = least(r.gas_min, excluded.gas_min), gas_max = greatest(r.gas_max, excluded.gas_max),
        water_first = least(r.water_first, excluded.water_first),
        water_last = greatest(r.water_last, excluded.water_last),
        water_min = least(r.water_min, excluded.water_min),
        water_max = greatest(r.water_max, excluded.water_max);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER p1_rollup AFTER INSERT ON p1_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION p1_rollup('p1');
