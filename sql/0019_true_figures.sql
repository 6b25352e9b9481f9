-- What nobody measures is null, and a counter that runs away from the powers is not believed.
--
-- A house without a grid meter has no house load and no export, so these may be null. A sample has the grid
-- where it has both. Averages are of the samples that have a value; energies by integral that rest on the grid,
-- and all flows, of the samples that have the grid; null where none does.
ALTER TABLE sungrow_samples
    ALTER COLUMN load_power_w DROP NOT NULL,
    ALTER COLUMN export_power_w DROP NOT NULL;
COMMENT ON COLUMN sungrow_samples.load_power_w IS 'W; house consumption; negative: another generator behind the same meter; null: no grid meter';
COMMENT ON COLUMN sungrow_samples.export_power_w IS 'W; positive = exporting; null: no grid meter';

ALTER TABLE sungrow_devices ADD COLUMN battery_capacity_kwh double precision;

-- Rows that are there already are of samples that all had both. So what is counted is what was not measured,
-- which is 0 for them: no row has to be written anew, however many years there are.
ALTER TABLE sungrow_5min
    ALTER COLUMN load_power_w_sum DROP NOT NULL,
    ALTER COLUMN load_power_w_min DROP NOT NULL,
    ALTER COLUMN load_power_w_max DROP NOT NULL,
    ALTER COLUMN export_power_w_sum DROP NOT NULL,
    ALTER COLUMN export_power_w_min DROP NOT NULL,
    ALTER COLUMN export_power_w_max DROP NOT NULL,
    ALTER COLUMN load_integral_kwh DROP NOT NULL,
    ALTER COLUMN import_integral_kwh DROP NOT NULL,
    ALTER COLUMN export_integral_kwh DROP NOT NULL,
    ALTER COLUMN solar_to_house_kwh DROP NOT NULL,
    ALTER COLUMN solar_to_battery_kwh DROP NOT NULL,
    ALTER COLUMN solar_to_grid_kwh DROP NOT NULL,
    ALTER COLUMN battery_to_house_kwh DROP NOT NULL,
    ALTER COLUMN battery_to_grid_kwh DROP NOT NULL,
    ALTER COLUMN grid_to_house_kwh DROP NOT NULL,
    ALTER COLUMN grid_to_battery_kwh DROP NOT NULL,
    ALTER COLUMN loss_kwh DROP NOT NULL,
    ADD COLUMN load_power_w_nulls bigint NOT NULL DEFAULT 0,
    ADD COLUMN export_power_w_nulls bigint NOT NULL DEFAULT 0,
    ADD COLUMN gridless_s double precision NOT NULL DEFAULT 0;
ALTER TABLE sungrow_local_daily
    ALTER COLUMN load_power_w_sum DROP NOT NULL,
    ALTER COLUMN load_power_w_min DROP NOT NULL,
    ALTER COLUMN load_power_w_max DROP NOT NULL,
    ALTER COLUMN export_power_w_sum DROP NOT NULL,
    ALTER COLUMN export_power_w_min DROP NOT NULL,
    ALTER COLUMN export_power_w_max DROP NOT NULL,
    ALTER COLUMN load_integral_kwh DROP NOT NULL,
    ALTER COLUMN import_integral_kwh DROP NOT NULL,
    ALTER COLUMN export_integral_kwh DROP NOT NULL,
    ALTER COLUMN solar_to_house_kwh DROP NOT NULL,
    ALTER COLUMN solar_to_battery_kwh DROP NOT NULL,
    ALTER COLUMN solar_to_grid_kwh DROP NOT NULL,
    ALTER COLUMN battery_to_house_kwh DROP NOT NULL,
    ALTER COLUMN battery_to_grid_kwh DROP NOT NULL,
    ALTER COLUMN grid_to_house_kwh DROP NOT NULL,
    ALTER COLUMN grid_to_battery_kwh DROP NOT NULL,
    ALTER COLUMN loss_kwh DROP NOT NULL,
    ADD COLUMN load_power_w_nulls bigint NOT NULL DEFAULT 0,
    ADD COLUMN export_power_w_nulls bigint NOT NULL DEFAULT 0,
    ADD COLUMN gridless_s double precision NOT NULL DEFAULT 0;
COMMENT ON COLUMN sungrow_5min.load_power_w_nulls IS 'samples without load_power_w: sum, minimum and maximum are of the others';
COMMENT ON COLUMN sungrow_5min.export_power_w_nulls IS 'samples without export_power_w: sum, minimum and maximum are of the others';
COMMENT ON COLUMN sungrow_5min.gridless_s IS 's; part of covered_s whose samples lack load_power_w or export_power_w: integrals of load, import and export, and the flows, are of the rest, and null without any';
COMMENT ON COLUMN sungrow_5min.flow_count IS 'samples that the eight flow columns cover: all with load_power_w and export_power_w but those whose battery direction is undecidable';
COMMENT ON COLUMN sungrow_local_daily.load_power_w_nulls IS 'samples without load_power_w: sum, minimum and maximum are of the others';
COMMENT ON COLUMN sungrow_local_daily.export_power_w_nulls IS 'samples without export_power_w: sum, minimum and maximum are of the others';
COMMENT ON COLUMN sungrow_local_daily.gridless_s IS 's; part of covered_s whose samples lack load_power_w or export_power_w: integrals of load, import and export, and the flows, are of the rest, and null without any';
COMMENT ON COLUMN sungrow_local_daily.flow_count IS 'samples that the eight flow columns cover: all with load_power_w and export_power_w but those whose battery direction is undecidable';

-- Nobody measures 1e-280 W: it is 0. What is computed of anything more, down to the difference of two numbers
-- that are nearly equal, can still be divided; what underflows PostgreSQL takes for an error.
CREATE OR REPLACE FUNCTION sungrow_or_zero(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN abs($1) < 1e-280 THEN 0 ELSE $1 END $$;

-- The sum of what is known of two.
CREATE FUNCTION sungrow_plus(double precision, double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce($1 + $2, $1, $2) $$;

-- As 0016 has it, but for the grid.
CREATE OR REPLACE FUNCTION sungrow_rollup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH measured AS (
        SELECT device_id, ts, date_bin('5 minutes', ts, '2000-01-01 00:00Z') AS bucket,
               coalesce(timezone, (SELECT timezone FROM sungrow_site)) AS zone,
               interval_s, sungrow_or_zero(pv_power_w) AS pv_power_w,
               sungrow_or_zero(battery_power_w) AS battery_power_w,
               sungrow_or_zero(battery_soc_pct) AS battery_soc_pct,
               sungrow_or_zero(load_power_w) AS load_power_w,
               sungrow_or_zero(export_power_w) AS export_power_w,
               load_power_w IS NOT NULL AND export_power_w IS NOT NULL AS has_grid,
               pv_total_kwh, total_import_kwh, total_export_kwh, battery_total_charge_kwh,
               battery_total_discharge_kwh
          FROM new_samples LEFT JOIN sungrow_devices USING (device_id) OFFSET 0
    ), sample AS (
        SELECT n.*, f.*, (n.bucket AT TIME ZONE n.zone)::date AS day, n.interval_s / 3600 AS hours,
               CASE WHEN n.has_grid THEN n.interval_s / 3600 END AS grid_hours,
               CASE WHEN n.has_grid THEN 0::double precision END AS nothing,
               ROW(n.ts, nullif(n.pv_total_kwh, 0), nullif(n.total_import_kwh, 0),
                   nullif(n.total_export_kwh, 0), nullif(n.battery_total_charge_kwh, 0),
                   nullif(n.battery_total_discharge_kwh, 0))::sungrow_counters AS counters,
               greatest(n.pv_total_kwh, n.total_import_kwh, n.total_export_kwh,
                        n.battery_total_charge_kwh, n.battery_total_discharge_kwh) > 0 AS counts
          FROM measured n
          -- No battery counts as 0 in the flows; an undecidable direction leaves the sample out, and so
          -- does a grid that nobody measured.
          LEFT JOIN LATERAL sungrow_flows(n.pv_power_w, coalesce(n.battery_power_w, 0),
                                          n.load_power_w, n.export_power_w) f
                 ON n.has_grid AND (n.battery_power_w IS NOT NULL OR n.battery_soc_pct IS NULL)
    ), summary AS MATERIALIZED (
        SELECT device_id, bucket, day,
               count(*) AS sample_count,
               sum(interval_s) AS covered_s,
               min(ts) AS first_ts,
               max(ts) AS last_ts,
               sum(pv_power_w) AS pv_power_w_sum,
               min(pv_power_w) AS pv_power_w_min,
               max(pv_power_w) AS pv_power_w_max,
               sum(load_power_w) AS load_power_w_sum,
               min(load_power_w) AS load_power_w_min,
               max(load_power_w) AS load_power_w_max,
               sum(export_power_w) AS export_power_w_sum,
               min(export_power_w) AS export_power_w_min,
               max(export_power_w) AS export_power_w_max,
               count(battery_power_w) AS battery_power_w_count,
               coalesce(sum(battery_power_w), 0) AS battery_power_w_sum,
               min(battery_power_w) AS battery_power_w_min,
               max(battery_power_w) AS battery_power_w_max,
               count(battery_soc_pct) AS battery_soc_pct_count,
               coalesce(sum(battery_soc_pct), 0) AS battery_soc_pct_sum,
               min(battery_soc_pct) AS battery_soc_pct_min,
               max(battery_soc_pct) AS battery_soc_pct_max,
               sum(pv_power_w * hours) / 1000 AS pv_integral_kwh,
               sum(load_power_w * grid_hours) / 1000 AS load_integral_kwh,
               sum(greatest(0, -export_power_w) * grid_hours) / 1000 AS import_integral_kwh,
               sum(greatest(export_power_w, 0) * grid_hours) / 1000 AS export_integral_kwh,
               sum(greatest(battery_power_w, 0) * hours) / 1000 AS battery_charge_integral_kwh,
               sum(greatest(0, -battery_power_w) * hours) / 1000 AS battery_discharge_integral_kwh,
               count(solar_to_house_w) AS flow_count,
               coalesce(sum(solar_to_house_w * hours), min(nothing)) / 1000 AS solar_to_house_kwh,
               coalesce(sum(solar_to_battery_w * hours), min(nothing)) / 1000 AS solar_to_battery_kwh,
               coalesce(sum(solar_to_grid_w * hours), min(nothing)) / 1000 AS solar_to_grid_kwh,
               coalesce(sum(battery_to_house_w * hours), min(nothing)) / 1000 AS battery_to_house_kwh,
               coalesce(sum(battery_to_grid_w * hours), min(nothing)) / 1000 AS battery_to_grid_kwh,
               coalesce(sum(grid_to_house_w * hours), min(nothing)) / 1000 AS grid_to_house_kwh,
               coalesce(sum(grid_to_battery_w * hours), min(nothing)) / 1000 AS grid_to_battery_kwh,
               coalesce(sum(loss_w * hours), min(nothing)) / 1000 AS loss_kwh,
               (min(ARRAY[counters]) FILTER (WHERE counts))[1] AS counters_first,
               (max(ARRAY[counters]) FILTER (WHERE counts))[1] AS counters_last,
               count(*) - count(load_power_w) AS load_power_w_nulls,
               count(*) - count(export_power_w) AS export_power_w_nulls,
               coalesce(sum(interval_s) FILTER (WHERE NOT has_grid), 0) AS gridless_s
          FROM sample
         GROUP BY GROUPING SETS ((device_id, bucket), (device_id, day))
    ), five_minutes AS (
        INSERT INTO sungrow_5min AS r (
            device_id, bucket, sample_count, covered_s, first_ts, last_ts, pv_power_w_sum,
            pv_power_w_min, pv_power_w_max, load_power_w_sum, load_power_w_min, load_power_w_max,
            export_power_w_sum, export_power_w_min, export_power_w_max, battery_power_w_count,
            battery_power_w_sum, battery_power_w_min, battery_power_w_max, battery_soc_pct_count,
            battery_soc_pct_sum, battery_soc_pct_min, battery_soc_pct_max, pv_integral_kwh,
            load_integral_kwh, import_integral_kwh, export_integral_kwh, battery_charge_integral_kwh,
            battery_discharge_integral_kwh, flow_count, solar_to_house_kwh, solar_to_battery_kwh,
            solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh,
            grid_to_battery_kwh, loss_kwh, counters_first, counters_last, load_power_w_nulls,
            export_power_w_nulls, gridless_s)
        SELECT device_id, bucket, sample_count, covered_s, first_ts, last_ts, pv_power_w_sum,
               pv_power_w_min, pv_power_w_max, load_power_w_sum, load_power_w_min, load_power_w_max,
               export_power_w_sum, export_power_w_min, export_power_w_max, battery_power_w_count,
               battery_power_w_sum, battery_power_w_min, battery_power_w_max, battery_soc_pct_count,
               battery_soc_pct_sum, battery_soc_pct_min, battery_soc_pct_max, pv_integral_kwh,
               load_integral_kwh, import_integral_kwh, export_integral_kwh, battery_charge_integral_kwh,
               battery_discharge_integral_kwh, flow_count, solar_to_house_kwh, solar_to_battery_kwh,
               solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh,
               grid_to_battery_kwh, loss_kwh, counters_first, counters_last, load_power_w_nulls,
               export_power_w_nulls, gridless_s
          FROM summary WHERE bucket IS NOT NULL
         ORDER BY device_id, bucket -- one order of locks for all writers
        ON CONFLICT (device_id, bucket) DO UPDATE SET
            sample_count = r.sample_count + excluded.sample_count,
            covered_s = r.covered_s + excluded.covered_s,
            first_ts = least(r.first_ts, excluded.first_ts),
            last_ts = greatest(r.last_ts, excluded.last_ts),
            pv_power_w_sum = r.pv_power_w_sum + excluded.pv_power_w_sum,
            pv_power_w_min = least(r.pv_power_w_min, excluded.pv_power_w_min),
            pv_power_w_max = greatest(r.pv_power_w_max, excluded.pv_power_w_max),
            load_power_w_sum = sungrow_plus(r.load_power_w_sum, excluded.load_power_w_sum),
            load_power_w_min = least(r.load_power_w_min, excluded.load_power_w_min),
            load_power_w_max = greatest(r.load_power_w_max, excluded.load_power_w_max),
            export_power_w_sum = sungrow_plus(r.export_power_w_sum, excluded.export_power_w_sum),
            export_power_w_min = least(r.export_power_w_min, excluded.export_power_w_min),
            export_power_w_max = greatest(r.export_power_w_max, excluded.export_power_w_max),
            battery_power_w_count = r.battery_power_w_count + excluded.battery_power_w_count,
            battery_power_w_sum = r.battery_power_w_sum + excluded.battery_power_w_sum,
            battery_power_w_min = least(r.battery_power_w_min, excluded.battery_power_w_min),
            battery_power_w_max = greatest(r.battery_power_w_max, excluded.battery_power_w_max),
            battery_soc_pct_count = r.battery_soc_pct_count + excluded.battery_soc_pct_count,
            battery_soc_pct_sum = r.battery_soc_pct_sum + excluded.battery_soc_pct_sum,
            battery_soc_pct_min = least(r.battery_soc_pct_min, excluded.battery_soc_pct_min),
            battery_soc_pct_max = greatest(r.battery_soc_pct_max, excluded.battery_soc_pct_max),
            pv_integral_kwh = r.pv_integral_kwh + excluded.pv_integral_kwh,
            load_integral_kwh = sungrow_plus(r.load_integral_kwh, excluded.load_integral_kwh),
            import_integral_kwh = sungrow_plus(r.import_integral_kwh, excluded.import_integral_kwh),
            export_integral_kwh = sungrow_plus(r.export_integral_kwh, excluded.export_integral_kwh),
            battery_charge_integral_kwh = r.battery_charge_integral_kwh + excluded.battery_charge_integral_kwh,
            battery_discharge_integral_kwh = r.battery_discharge_integral_kwh + excluded.battery_discharge_integral_kwh,
            flow_count = r.flow_count + excluded.flow_count,
            solar_to_house_kwh = sungrow_plus(r.solar_to_house_kwh, excluded.solar_to_house_kwh),
            solar_to_battery_kwh = sungrow_plus(r.solar_to_battery_kwh, excluded.solar_to_battery_kwh),
            solar_to_grid_kwh = sungrow_plus(r.solar_to_grid_kwh, excluded.solar_to_grid_kwh),
            battery_to_house_kwh = sungrow_plus(r.battery_to_house_kwh, excluded.battery_to_house_kwh),
            battery_to_grid_kwh = sungrow_plus(r.battery_to_grid_kwh, excluded.battery_to_grid_kwh),
            grid_to_house_kwh = sungrow_plus(r.grid_to_house_kwh, excluded.grid_to_house_kwh),
            grid_to_battery_kwh = sungrow_plus(r.grid_to_battery_kwh, excluded.grid_to_battery_kwh),
            loss_kwh = sungrow_plus(r.loss_kwh, excluded.loss_kwh),
            counters_first = least(r.counters_first, excluded.counters_first),
            counters_last = greatest(r.counters_last, excluded.counters_last),
            load_power_w_nulls = r.load_power_w_nulls + excluded.load_power_w_nulls,
            export_power_w_nulls = r.export_power_w_nulls + excluded.export_power_w_nulls,
            gridless_s = r.gridless_s + excluded.gridless_s
    )
    INSERT INTO sungrow_local_daily AS r (
        device_id, bucket, sample_count, covered_s, first_ts, last_ts, pv_power_w_sum, pv_power_w_min,
        pv_power_w_max, load_power_w_sum, load_power_w_min, load_power_w_max, export_power_w_sum,
        export_power_w_min, export_power_w_max, battery_power_w_count, battery_power_w_sum,
        battery_power_w_min, battery_power_w_max, battery_soc_pct_count, battery_soc_pct_sum,
        battery_soc_pct_min, battery_soc_pct_max, pv_integral_kwh, load_integral_kwh,
        import_integral_kwh, export_integral_kwh, battery_charge_integral_kwh,
        battery_discharge_integral_kwh, flow_count, solar_to_house_kwh, solar_to_battery_kwh,
        solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh,
        grid_to_battery_kwh, loss_kwh, counters_first, counters_last, load_power_w_nulls,
        export_power_w_nulls, gridless_s)
    SELECT device_id, day, sample_count, covered_s, first_ts, last_ts, pv_power_w_sum, pv_power_w_min,
           pv_power_w_max, load_power_w_sum, load_power_w_min, load_power_w_max, export_power_w_sum,
           export_power_w_min, export_power_w_max, battery_power_w_count, battery_power_w_sum,
           battery_power_w_min, battery_power_w_max, battery_soc_pct_count, battery_soc_pct_sum,
           battery_soc_pct_min, battery_soc_pct_max, pv_integral_kwh, load_integral_kwh,
           import_integral_kwh, export_integral_kwh, battery_charge_integral_kwh,
           battery_discharge_integral_kwh, flow_count, solar_to_house_kwh, solar_to_battery_kwh,
           solar_to_grid_kwh, battery_to_house_kwh, battery_to_grid_kwh, grid_to_house_kwh,
           grid_to_battery_kwh, loss_kwh, counters_first, counters_last, load_power_w_nulls,
           export_power_w_nulls, gridless_s
      FROM summary WHERE day IS NOT NULL
     ORDER BY device_id, day
    ON CONFLICT (device_id, bucket) DO UPDATE SET
        sample_count = r.sample_count + excluded.sample_count,
        covered_s = r.covered_s + excluded.covered_s, first_ts = least(r.first_ts, excluded.first_ts),
        last_ts = greatest(r.last_ts, excluded.last_ts),
        pv_power_w_sum = r.pv_power_w_sum + excluded.pv_power_w_sum,
        pv_power_w_min = least(r.pv_power_w_min, excluded.pv_power_w_min),
        pv_power_w_max = greatest(r.pv_power_w_max, excluded.pv_power_w_max),
        load_power_w_sum = sungrow_plus(r.load_power_w_sum, excluded.load_power_w_sum),
        load_power_w_min = least(r.load_power_w_min, excluded.load_power_w_min),
        load_power_w_max = greatest(r.load_power_w_max, excluded.load_power_w_max),
        export_power_w_sum = sungrow_plus(r.export_power_w_sum, excluded.export_power_w_sum),
        export_power_w_min = least(r.export_power_w_min, excluded.export_power_w_min),
        export_power_w_max = greatest(r.export_power_w_max, excluded.export_power_w_max),
        battery_power_w_count = r.battery_power_w_count + excluded.battery_power_w_count,
        battery_power_w_sum = r.battery_power_w_sum + excluded.battery_power_w_sum,
        battery_power_w_min = least(r.battery_power_w_min, excluded.battery_power_w_min),
        battery_power_w_max = greatest(r.battery_power_w_max, excluded.battery_power_w_max),
        battery_soc_pct_count = r.battery_soc_pct_count + excluded.battery_soc_pct_count,
        battery_soc_pct_sum = r.battery_soc_pct_sum + excluded.battery_soc_pct_sum,
        battery_soc_pct_min = least(r.battery_soc_pct_min, excluded.battery_soc_pct_min),
        battery_soc_pct_max = greatest(r.battery_soc_pct_max, excluded.battery_soc_pct_max),
        pv_integral_kwh = r.pv_integral_kwh + excluded.pv_integral_kwh,
        load_integral_kwh = sungrow_plus(r.load_integral_kwh, excluded.load_integral_kwh),
        import_integral_kwh = sungrow_plus(r.import_integral_kwh, excluded.import_integral_kwh),
        export_integral_kwh = sungrow_plus(r.export_integral_kwh, excluded.export_integral_kwh),
        battery_charge_integral_kwh = r.battery_charge_integral_kwh + excluded.battery_charge_integral_kwh,
        battery_discharge_integral_kwh = r.battery_discharge_integral_kwh + excluded.battery_discharge_integral_kwh,
        flow_count = r.flow_count + excluded.flow_count,
        solar_to_house_kwh = sungrow_plus(r.solar_to_house_kwh, excluded.solar_to_house_kwh),
        solar_to_battery_kwh = sungrow_plus(r.solar_to_battery_kwh, excluded.solar_to_battery_kwh),
        solar_to_grid_kwh = sungrow_plus(r.solar_to_grid_kwh, excluded.solar_to_grid_kwh),
        battery_to_house_kwh = sungrow_plus(r.battery_to_house_kwh, excluded.battery_to_house_kwh),
        battery_to_grid_kwh = sungrow_plus(r.battery_to_grid_kwh, excluded.battery_to_grid_kwh),
        grid_to_house_kwh = sungrow_plus(r.grid_to_house_kwh, excluded.grid_to_house_kwh),
        grid_to_battery_kwh = sungrow_plus(r.grid_to_battery_kwh, excluded.grid_to_battery_kwh),
        loss_kwh = sungrow_plus(r.loss_kwh, excluded.loss_kwh),
        counters_first = least(r.counters_first, excluded.counters_first),
        counters_last = greatest(r.counters_last, excluded.counters_last),
        load_power_w_nulls = r.load_power_w_nulls + excluded.load_power_w_nulls,
        export_power_w_nulls = r.export_power_w_nulls + excluded.export_power_w_nulls,
        gridless_s = r.gridless_s + excluded.gridless_s;
    RETURN NULL;
END
$$;

-- Energy: what 0007 says, and more.

-- A total of less than a thousandth of a kWh counts as not read, as one of 0 does.
CREATE OR REPLACE FUNCTION sungrow_kwh(sungrow_counters) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[CASE WHEN ($1).pv_total_kwh >= 1e-3 THEN ($1).pv_total_kwh END,
                 CASE WHEN ($1).total_import_kwh >= 1e-3 THEN ($1).total_import_kwh END,
                 CASE WHEN ($1).total_export_kwh >= 1e-3 THEN ($1).total_export_kwh END,
                 CASE WHEN ($1).battery_total_charge_kwh >= 1e-3 THEN ($1).battery_total_charge_kwh END,
                 CASE WHEN ($1).battery_total_discharge_kwh >= 1e-3
                      THEN ($1).battery_total_discharge_kwh END]
$$;

-- For how many seconds the powers are known that each of the five counters counts.
CREATE FUNCTION sungrow_known_s(covered_s double precision, gridless_s double precision,
                                sample_count bigint, battery_power_w_count bigint)
RETURNS double precision[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[covered_s, covered_s - gridless_s, covered_s - gridless_s,
                 covered_s * (battery_power_w_count::double precision / sample_count),
                 covered_s * (battery_power_w_count::double precision / sample_count)]
$$;

-- A part of a whole, neither of which can be so small that the quotient is out of range: a millionth of a Wh
-- is 0, and of a whole as small there are no parts.
CREATE FUNCTION sungrow_ratio(part double precision, whole double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN whole >= 1e-9 THEN CASE WHEN abs(part) >= 1e-9 THEN part / whole ELSE 0 END END
$$;

-- Whether a counter and the powers cannot both be right about the same time. Meters differ by some percent,
-- conversion takes up to a tenth; 0.3 kWh are three of a counter's digits, which is much on a quiet day.
CREATE FUNCTION sungrow_disagree(counter_kwh double precision, power_kwh double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT abs(counter_kwh - power_kwh) > 0.3
       AND (counter_kwh > 1.3 * power_kwh OR counter_kwh < 0.8 * power_kwh)
$$;

-- Whether the powers judge a counter: where they are known for a quarter of a local day or of what has passed of
-- it, and for nearly all that was polled of it. Compared are only the steps of which they tell, so what a counter
-- went on to count while nobody polled speaks neither for it nor against it.
CREATE FUNCTION sungrow_judges(known_s double precision, covered_s double precision, day date, zone text)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT known_s >= 0.9 * covered_s
           AND known_s >= 0.25 * date_part('epoch', CASE WHEN now() > first AND now() < until THEN now()
                                                         ELSE until END - first)
      FROM (SELECT sungrow_midnight(day, zone) AS first, sungrow_midnight(day + 1, zone) AS until) AS day
$$;

-- As before, and a nominal power of less than a watt is none.
CREATE OR REPLACE FUNCTION sungrow_limits_kw(of_device text) RETURNS double precision[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY[own, 400, 400, own, own]
      FROM (SELECT coalesce((SELECT CASE WHEN nominal_power_w >= 1 THEN nominal_power_w * 3 / 1000 END
                               FROM sungrow_devices WHERE device_id = of_device), 200) AS own) AS limits
$$;

-- As before, and beside each step what the powers say of its time (power_kwh): null where it is a gap, as 0008
-- has it, but for the polls of ten minutes, and the sum where readings between are left out. That is what a step
-- that is no plausible one counts.
DROP FUNCTION sungrow_close_steps;
CREATE FUNCTION sungrow_close_steps(
    of_device text, counters int[], first timestamptz, until timestamptz,
    limits_kw double precision[], replaced timestamptz[])
RETURNS TABLE (counter int, from_ts timestamptz, to_ts timestamptz, kwh double precision,
               power_kwh double precision, is_break boolean)
LANGUAGE sql STABLE AS $$
    WITH five_minutes AS MATERIALIZED (
        SELECT bucket, (counters_first).ts AS first_ts, sungrow_kwh(counters_first) AS first_kwh,
               (counters_last).ts AS last_ts, sungrow_kwh(counters_last) AS last_kwh,
               ARRAY[pv_integral_kwh, import_integral_kwh, export_integral_kwh,
                     battery_charge_integral_kwh, battery_discharge_integral_kwh] AS integral_kwh,
               sungrow_known_s(covered_s, gridless_s, sample_count, battery_power_w_count) AS known_s,
               greatest(600, 2.5 * covered_s / sample_count) AS most_s
          FROM sungrow_5min
         WHERE device_id = of_device AND bucket > first - interval '5 minutes' AND bucket <= until
    ), reading AS (
        SELECT counter, ts, date_part('epoch', ts) AS at_s, total_kwh,
               sungrow_ratio(integral_kwh[counter], known_s[counter]) AS mean_kwh_a_s, most_s,
               width_bucket(ts, replaced) AS inverter, limits_kw[counter] AS limit_kw
          FROM five_minutes CROSS JOIN unnest(counters) AS counter
         CROSS JOIN LATERAL (
               SELECT first_ts AS ts, first_kwh[counter] AS total_kwh
               UNION ALL SELECT last_ts, last_kwh[counter] WHERE last_ts > first_ts) AS ends
         WHERE total_kwh IS NOT NULL AND ts >= first AND ts <= until
    ), beside AS (
        SELECT *, lag(at_s) OVER w AS s_before, lag(total_kwh) OVER w AS kwh_before,
               lag(inverter) OVER w AS inverter_before, lead(at_s) OVER w AS s_after,
               lead(total_kwh) OVER w AS kwh_after, lead(inverter) OVER w AS inverter_after,
               row_number() OVER w AS number,
               CASE WHEN at_s - lag(at_s) OVER w <= most_s THEN mean_kwh_a_s * (at_s - lag(at_s) OVER w) END
                   AS power_kwh
          FROM reading WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), summed AS (
        SELECT *, sum(power_kwh) OVER w AS powers_kwh, count(power_kwh) OVER w AS known
          FROM beside WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), kept AS (
        SELECT counter, ts, at_s, total_kwh, power_kwh, powers_kwh, known, number, inverter, limit_kw FROM summed
         WHERE (inverter_before = inverter_after
                AND sungrow_fits(kwh_after - kwh_before, s_after - s_before, limit_kw)
                AND NOT (inverter = inverter_before
                         AND sungrow_fits(total_kwh - kwh_before, at_s - s_before, limit_kw)
                         AND sungrow_fits(kwh_after - total_kwh, s_after - at_s, limit_kw))
               ) IS NOT TRUE
    ), step AS (
        SELECT counter, lag(ts) OVER w AS from_ts, ts AS to_ts, at_s - lag(at_s) OVER w AS in_s,
               total_kwh - lag(total_kwh) OVER w AS rise_kwh, inverter = lag(inverter) OVER w AS is_same,
               limit_kw, CASE WHEN number = lag(number) OVER w + 1 THEN power_kwh
                              WHEN known - lag(known) OVER w = number - lag(number) OVER w
                              THEN powers_kwh - coalesce(lag(powers_kwh) OVER w, 0) END AS power_kwh
          FROM kept WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), judged AS (
        SELECT *, is_same AND sungrow_fits(rise_kwh, in_s, limit_kw) AS fits
          FROM step WHERE from_ts IS NOT NULL
    )
    SELECT counter, from_ts, to_ts, CASE WHEN fits THEN rise_kwh ELSE coalesce(power_kwh, 0) END, power_kwh,
           NOT fits
      FROM judged
$$;

-- As before. Doubtful is also a day whose counter and powers disagree, where these may judge it; and so are both
-- days of a step from one poll over midnight to the next in which a counter rose by more than three of its digits.
CREATE OR REPLACE FUNCTION sungrow_counter_days(
    of_device text, low date, high date, limits_kw double precision[], replaced timestamptz[])
RETURNS TABLE (counter int, number bigint, day date, rise_kwh double precision,
               from_day date, step_kwh double precision, from_ts timestamptz, first_ts timestamptz,
               last_ts timestamptz, until_ts timestamptz, is_doubtful boolean)
LANGUAGE sql STABLE AS $$
    WITH day AS MATERIALIZED (
        SELECT bucket, (counters_first).ts AS first_ts, sungrow_kwh(counters_first) AS first_kwh,
               (counters_last).ts AS last_ts, sungrow_kwh(counters_last) AS last_kwh,
               date_part('epoch', (counters_first).ts) AS first_s,
               date_part('epoch', (counters_last).ts) AS last_s,
               width_bucket((counters_first).ts, replaced) AS first_inverter,
               width_bucket((counters_last).ts, replaced) AS last_inverter,
               ARRAY[pv_integral_kwh, coalesce(import_integral_kwh, 0), coalesce(export_integral_kwh, 0),
                     battery_charge_integral_kwh, battery_discharge_integral_kwh] AS integral_kwh,
               sungrow_known_s(covered_s, gridless_s, sample_count, battery_power_w_count) AS known_s,
               covered_s, greatest(60, 2.5 * covered_s / sample_count) AS most_s
          FROM sungrow_local_daily
         WHERE device_id = of_device AND bucket >= low AND bucket < high
           AND (counters_first).ts IS NOT NULL
    ), counted AS ( -- OFFSET 0: rows without the arrays are sorted in memory
        SELECT counter, bucket, first_ts, last_ts, first_s, last_s, first_inverter, last_inverter,
               first_kwh[counter] AS first_kwh, last_kwh[counter] AS last_kwh,
               integral_kwh[counter] AS integral_kwh, limits_kw[counter] AS limit_kw,
               known_s[counter] AS known_s, covered_s, most_s
          FROM day CROSS JOIN generate_series(1, 5) AS counter
         WHERE coalesce(first_kwh[counter], last_kwh[counter]) IS NOT NULL OFFSET 0
    ), beside AS (
        SELECT *, row_number() OVER w AS number, lag(bucket) OVER w AS from_day,
               lag(last_ts) OVER w AS from_ts, lag(last_s) OVER w AS from_s,
               lag(last_kwh) OVER w AS from_kwh,
               lag(last_inverter) OVER w AS from_inverter,
               lag(sungrow_ratio(last_kwh - first_kwh, integral_kwh)) OVER w AS usual,
               lead(first_ts) OVER w AS until_ts, lead(first_s) OVER w AS until_s,
               lead(first_kwh) OVER w AS until_kwh,
               lead(first_inverter) OVER w AS until_inverter
          FROM counted WINDOW w AS (PARTITION BY counter ORDER BY bucket)
    )
    SELECT counter, number, bucket, last_kwh - first_kwh, from_day, first_kwh - from_kwh, from_ts,
           first_ts, last_ts, until_ts,
           (first_inverter = last_inverter
            AND sungrow_fits(last_kwh - first_kwh, last_s - first_s, limit_kw)
            -- Some meters are some percent off every day, which is no doubt: hence usual.
            AND last_kwh - first_kwh
                >= integral_kwh * 0.97 * greatest(0.85, coalesce(least(1, usual), 1)) - 0.2
            AND last_kwh - first_kwh <= integral_kwh * 3 + 5 + limit_kw / 3600
                * greatest(last_s - first_s - known_s, 0)
            AND NOT (sungrow_disagree(last_kwh - first_kwh, integral_kwh)
                     AND known_s >= 0.9 * least(covered_s, last_s - first_s)
                     AND known_s >= 0.25 * (last_s - first_s))
            AND (first_kwh - from_kwh > 0.3 AND first_s - from_s <= most_s) IS NOT TRUE
            AND (until_kwh - last_kwh > 0.3 AND until_s - last_s <= most_s) IS NOT TRUE
            AND (number = 1 OR (first_inverter = from_inverter
                 AND sungrow_fits(first_kwh - from_kwh, first_s - from_s, limit_kw)))
            AND (until_ts IS NULL OR (last_inverter = until_inverter
                 AND sungrow_fits(until_kwh - last_kwh, until_s - last_s, limit_kw)))
           ) IS NOT TRUE
      FROM beside
$$;

-- As before; out of range is no product.
CREATE OR REPLACE FUNCTION sungrow_load(
    pv_kwh double precision, import_kwh double precision, export_kwh double precision,
    charge_kwh double precision, discharge_kwh double precision,
    loss_kwh double precision, sources_kwh double precision, loss_share double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pv_kwh + import_kwh + discharge_kwh - export_kwh - charge_kwh
           - loss_kwh - sungrow_or_zero(pv_kwh + import_kwh + discharge_kwh - sources_kwh) * loss_share
$$;

-- As before, and
-- - where the powers may judge it, a counter that disagrees with them over the time of both is left out for
--   that day, which is estimated; of a step into it or out of it the powers tell, as of any step over midnight
--   from one poll to the next that they contradict;
-- - so is a day of which more than a tenth of the readings lack the grid;
-- - so is one of which more than a tenth of the readings lack the battery's direction, where its counters do not
--   tell either;
-- - the house's use is no balance of counters of which some were read for another time than others, as on
--   the day on which a meter is put in, and none that is negative where the house's power is not.
CREATE OR REPLACE FUNCTION sungrow_daily_energy(of_device text, first date, until date)
RETURNS TABLE (day date, pv_counter_kwh double precision, import_counter_kwh double precision,
               export_counter_kwh double precision, battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    limits_kw float8[] := sungrow_limits_kw(of_device);
    replaced timestamptz[] := sungrow_replaced(of_device);
    low date;
    high date;
BEGIN
    SELECT a.low, a.high INTO low, high FROM sungrow_days_around(of_device, first, until) AS a;
    RETURN QUERY
    WITH counter_day AS MATERIALIZED (
        SELECT * FROM sungrow_counter_days(of_device, low, high, limits_kw, replaced)
    ), measured AS MATERIALIZED (
        SELECT bucket AS day, date_trunc('month', bucket::timestamp) AS month, pv_integral_kwh,
               load_integral_kwh, import_integral_kwh, export_integral_kwh,
               battery_charge_integral_kwh, battery_discharge_integral_kwh, loss_kwh,
               solar_to_house_kwh + solar_to_battery_kwh + solar_to_grid_kwh + battery_to_house_kwh
                   + battery_to_grid_kwh + grid_to_house_kwh + grid_to_battery_kwh + loss_kwh
                   AS sources_kwh,
               sungrow_known_s(covered_s, gridless_s, sample_count, battery_power_w_count) AS known_s,
               covered_s, gridless_s > 0.1 * covered_s AS is_partly,
               battery_soc_pct_count - battery_power_w_count > 0.1 * sample_count AS is_undecided,
               lag(gridless_s >= covered_s) OVER days AS none_before,
               lead(gridless_s >= covered_s) OVER days AS none_after
          FROM sungrow_local_daily WHERE device_id = of_device AND bucket >= low AND bucket < high
        WINDOW days AS (ORDER BY bucket)
    ), doubt AS MATERIALIZED ( -- a run: doubtful days that follow each other
        SELECT *, number - row_number() OVER (PARTITION BY counter ORDER BY number) AS run
          FROM counter_day WHERE is_doubtful
    ), close_step AS MATERIALIZED (
        SELECT step.*, (step.from_ts AT TIME ZONE zone)::date AS from_day,
               (step.to_ts AT TIME ZONE zone)::date AS to_day
          FROM (SELECT counter, min(coalesce(from_ts, first_ts)) AS first_ts,
                       max(coalesce(until_ts, last_ts)) AS until_ts
                  FROM doubt GROUP BY counter, run) AS doubt
         CROSS JOIN LATERAL sungrow_close_steps(of_device, ARRAY[doubt.counter], doubt.first_ts,
                                                doubt.until_ts, limits_kw, replaced) AS step
    ), runaway AS MATERIALIZED ( -- one that stands still does not run: it has no opinion
        SELECT counter, day FROM (
            SELECT counter, from_day AS day, sum(kwh) AS kwh, sum(power_kwh) AS power_kwh
              FROM close_step WHERE from_day = to_day AND NOT is_break AND power_kwh IS NOT NULL
             GROUP BY 1, 2) AS both_known
          JOIN measured USING (day)
         WHERE kwh > 0 AND sungrow_disagree(kwh, power_kwh)
           AND sungrow_judges(known_s[counter], covered_s, day, zone)
    ), over_midnight AS (
        SELECT counter, from_ts, first_ts AS to_ts, from_day, day AS to_day, step_kwh AS kwh,
               false AS is_break
          FROM counter_day AS c
         WHERE NOT is_doubtful AND (step_kwh > 0 OR day > from_day + 1)
           AND NOT EXISTS (SELECT FROM doubt AS d
                            WHERE d.counter = c.counter AND d.number = c.number - 1)
        UNION ALL
        SELECT counter, from_ts, to_ts, from_day, to_day,
               CASE WHEN is_contradicted
                      OR EXISTS (SELECT FROM runaway AS r WHERE r.counter = s.counter
                                    AND r.day IN (s.from_day, s.to_day))
                    THEN coalesce(power_kwh, kwh) ELSE kwh END, is_break OR is_contradicted
          FROM close_step AS s
         -- A counter may be written some minutes late, with a car at the charger.
         CROSS JOIN LATERAL (SELECT coalesce(kwh - 0.3 > 1.3 * power_kwh * (1 + 600 / date_part('epoch', to_ts - from_ts)),
                                             false) AS is_contradicted) AS judged
         WHERE from_day < to_day
    ), part AS (
        SELECT counter, day, rise_kwh AS kwh, false AS estimated
          FROM counter_day WHERE NOT is_doubtful AND last_ts > first_ts
        UNION ALL
        SELECT counter, to_day, kwh, is_break FROM close_step WHERE from_day = to_day
        UNION ALL
        SELECT counter, share.day, share.kwh,
               is_break OR (step.kwh > 0 AND to_ts - from_ts > interval '10 minutes')
          FROM over_midnight AS step
         CROSS JOIN LATERAL sungrow_spread(from_ts, to_ts, from_day, to_day, step.kwh, zone) AS share
    ), believed AS (
        SELECT counter, day, CASE WHEN r.day IS NULL THEN kwh END AS kwh, estimated OR r.day IS NOT NULL AS estimated
          FROM part LEFT JOIN runaway AS r USING (counter, day)
         WHERE day >= first AND day < until
    ), energy AS (
        SELECT day, sum(kwh) FILTER (WHERE counter = 1) AS pv_kwh,
               sum(kwh) FILTER (WHERE counter = 2) AS import_kwh,
               sum(kwh) FILTER (WHERE counter = 3) AS export_kwh,
               sum(kwh) FILTER (WHERE counter = 4) AS charge_kwh,
               sum(kwh) FILTER (WHERE counter = 5) AS discharge_kwh,
               bool_or(estimated) AS estimated
          FROM believed GROUP BY day
    ), month AS (
        SELECT month, coalesce(sungrow_ratio(sum(loss_kwh), sum(sources_kwh)), 0) AS loss_share
          FROM measured GROUP BY month
    ), grid_edge AS ( -- days on which the meter's counters are read first, or last
        SELECT day, bool_and(number = 1) AS begins, bool_and(until_ts IS NULL) AS ends
          FROM counter_day WHERE counter IN (2, 3) GROUP BY day
        HAVING bool_and(number = 1) OR bool_and(until_ts IS NULL)
    ), opinion AS (
        SELECT day, sungrow_believed(pv_kwh, pv_integral_kwh) AS pv_kwh, pv_integral_kwh,
               sungrow_believed(import_kwh, import_integral_kwh) AS import_kwh,
               CASE WHEN NOT is_partly THEN import_integral_kwh END AS import_integral_kwh,
               sungrow_believed(export_kwh, export_integral_kwh) AS export_kwh,
               CASE WHEN is_partly THEN NULL ELSE coalesce(export_integral_kwh, 0) END AS export_integral_kwh,
               sungrow_believed(charge_kwh, battery_charge_integral_kwh) AS charge_kwh,
               CASE WHEN is_undecided THEN NULL ELSE coalesce(battery_charge_integral_kwh, 0) END AS charge_integral_kwh,
               sungrow_believed(discharge_kwh, battery_discharge_integral_kwh) AS discharge_kwh,
               CASE WHEN is_undecided THEN NULL ELSE coalesce(battery_discharge_integral_kwh, 0) END AS discharge_integral_kwh,
               load_integral_kwh, loss_kwh, sources_kwh, is_partly, is_undecided, none_before, none_after,
               coalesce(estimated, false) OR coalesce(is_partly, false) AS estimated,
               coalesce(month, date_trunc('month', day::timestamp)) AS month
          FROM energy FULL JOIN (SELECT * FROM measured WHERE day >= first AND day < until) AS here
         USING (day)
         WHERE month IS NOT NULL
            OR greatest(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
    ), balanced AS ( -- OFFSET 0: so that the balance is computed once
        SELECT *, CASE WHEN num_nonnulls(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
                         AND NOT coalesce(begins AND (is_partly OR none_before), false)
                         AND NOT coalesce(ends AND (is_partly OR none_after), false)
                       THEN sungrow_load(sungrow_or_little(pv_kwh, pv_integral_kwh, 0.5),
                                         sungrow_or_little(import_kwh, import_integral_kwh, 0.5),
                                         sungrow_or_little(export_kwh, export_integral_kwh, 0.5),
                                         sungrow_or_little(charge_kwh, charge_integral_kwh, 0.5),
                                         sungrow_or_little(discharge_kwh, discharge_integral_kwh, 0.5),
                                         coalesce(loss_kwh, 0), coalesce(sources_kwh, 0),
                                         coalesce(loss_share, 0)) END AS load_kwh
          FROM opinion LEFT JOIN month USING (month) LEFT JOIN grid_edge USING (day) OFFSET 0
    )
    SELECT day, pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh,
           CASE WHEN load_kwh >= 0 OR load_integral_kwh < 0 THEN load_kwh END,
           estimated OR coalesce(load_kwh < -0.3 AND load_integral_kwh >= 0, false)
               OR coalesce(is_undecided AND (charge_kwh IS NULL OR discharge_kwh IS NULL), false)
      FROM balanced
     ORDER BY day;
END
$$;

-- The local days of some counters that sungrow_daily_energy leaves out, from first on and before until. Nothing
-- is read but these days, and their five minutes where they are doubtful.
CREATE FUNCTION sungrow_runaways(of_device text, low date, high date, limits_kw double precision[],
                                 replaced timestamptz[], zone text)
RETURNS TABLE (counter int, first timestamptz, until timestamptz) LANGUAGE sql STABLE AS $$
    SELECT counter, sungrow_midnight(day, zone), sungrow_midnight(day + 1, zone)
      FROM sungrow_counter_days(of_device, low, high, limits_kw, replaced) AS counted
      JOIN sungrow_local_daily AS daily ON daily.device_id = of_device AND daily.bucket = day
     CROSS JOIN LATERAL (
           SELECT sum(kwh) AS kwh, sum(power_kwh) AS power_kwh
             FROM sungrow_close_steps(of_device, ARRAY[counted.counter], counted.first_ts, counted.last_ts,
                                      limits_kw, replaced)
            WHERE NOT is_break AND power_kwh IS NOT NULL OFFSET 0) AS both_known
     WHERE is_doubtful AND kwh > 0 AND sungrow_disagree(kwh, power_kwh)
       AND sungrow_judges((sungrow_known_s(covered_s, gridless_s, sample_count,
                                           battery_power_w_count))[counter], covered_s, day, zone)
$$;

-- As before; a counter that is left out of a day's energy is left out of its five minutes too.
CREATE OR REPLACE FUNCTION sungrow_short_energy(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (bucket timestamptz, pv_counter_kwh double precision,
               import_counter_kwh double precision, export_counter_kwh double precision,
               battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    limits_kw float8[] := sungrow_limits_kw(of_device);
    replaced timestamptz[] := sungrow_replaced(of_device);
BEGIN
    RETURN QUERY
    WITH runaway AS MATERIALIZED (
        SELECT * FROM sungrow_runaways(
            of_device, (first AT TIME ZONE zone)::date,
            ((until - interval '1 microsecond') AT TIME ZONE zone)::date + 1, limits_kw, replaced, zone)
    ), believed AS (
        SELECT to_ts, s.counter, CASE WHEN r.counter IS NULL THEN kwh END AS kwh,
               is_break OR r.counter IS NOT NULL AS estimated
          FROM sungrow_close_steps(of_device, '{1,2,3,4,5}', first - interval '15 minutes',
                                   until + interval '10 minutes', limits_kw, replaced) AS s
          LEFT JOIN runaway AS r ON r.counter = s.counter AND to_ts >= r.first AND to_ts < r.until
         WHERE to_ts - from_ts <= interval '10 minutes'
    ), energy AS (
        SELECT date_bin('5 minutes', to_ts, '2000-01-01 00:00Z') AS bucket,
               sum(kwh) FILTER (WHERE counter = 1) AS pv_kwh,
               sum(kwh) FILTER (WHERE counter = 2) AS import_kwh,
               sum(kwh) FILTER (WHERE counter = 3) AS export_kwh,
               sum(kwh) FILTER (WHERE counter = 4) AS charge_kwh,
               sum(kwh) FILTER (WHERE counter = 5) AS discharge_kwh,
               bool_or(estimated) AS estimated
          FROM believed GROUP BY 1
    )
    SELECT bucket, pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh,
           CASE WHEN num_nonnulls(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
                THEN sungrow_load(
                    sungrow_or_little(pv_kwh, pv_integral_kwh, 0.05),
                    sungrow_or_little(import_kwh, import_integral_kwh, 0.05),
                    sungrow_or_little(export_kwh, export_integral_kwh, 0.05),
                    sungrow_or_little(charge_kwh, CASE WHEN battery_power_w_count >= battery_soc_pct_count
                                               THEN battery_charge_integral_kwh END, 0.05),
                    sungrow_or_little(discharge_kwh, CASE WHEN battery_power_w_count >= battery_soc_pct_count
                                               THEN battery_discharge_integral_kwh END, 0.05),
                    loss_kwh, 0, 0) END,
           coalesce(estimated, false)
      FROM sungrow_5min AS here LEFT JOIN energy USING (bucket)
     WHERE device_id = of_device AND bucket >= first AND bucket < until
     ORDER BY bucket;
END
$$;

-- As before; of a battery whose direction was never known the powers tell nothing, where 0 is stored.
CREATE OR REPLACE VIEW sungrow_energy AS
SELECT device_id, day,
       coalesce(pv_counter_kwh, pv_integral_kwh) AS pv_kwh,
       coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh,
       coalesce(import_counter_kwh, import_integral_kwh) AS import_kwh,
       coalesce(export_counter_kwh, export_integral_kwh) AS export_kwh,
       coalesce(battery_charge_counter_kwh, battery_charge_integral_kwh) AS battery_charge_kwh,
       coalesce(battery_discharge_counter_kwh, battery_discharge_integral_kwh) AS battery_discharge_kwh,
       pv_counter_kwh, load_counter_kwh, import_counter_kwh, export_counter_kwh,
       battery_charge_counter_kwh, battery_discharge_counter_kwh,
       pv_integral_kwh, load_integral_kwh, import_integral_kwh, export_integral_kwh,
       battery_charge_integral_kwh, battery_discharge_integral_kwh, estimated
  FROM (SELECT device_id, min(bucket) AS first, max(bucket) AS last
          FROM sungrow_local_daily GROUP BY device_id) AS known
 CROSS JOIN LATERAL sungrow_daily_energy(device_id, first, last + 1) AS counted
  LEFT JOIN LATERAL (SELECT bucket, pv_integral_kwh, load_integral_kwh, import_integral_kwh, export_integral_kwh,
                            CASE WHEN tells_of_battery THEN battery_charge_integral_kwh END
                                AS battery_charge_integral_kwh,
                            CASE WHEN tells_of_battery THEN battery_discharge_integral_kwh END
                                AS battery_discharge_integral_kwh, device_id
                       FROM sungrow_local_daily AS r
                      CROSS JOIN LATERAL (SELECT battery_power_w_count > 0 OR battery_soc_pct_count < sample_count
                                                 AS tells_of_battery) AS told
                      WHERE r.device_id = known.device_id AND r.bucket = counted.day) AS measured
       USING (device_id);
