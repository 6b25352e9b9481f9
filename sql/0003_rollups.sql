-- Rollups that are exact at every moment: a statement trigger keeps them in the very transaction that
-- stores the samples, late and out-of-order rows included, on every edition of the database.
--
-- Sums and counts, never averages: they add up at every level. Powers are never null where
-- sample_count is their count. Energy is power times interval_s, split by sign before summing.

-- Where the power of one sample went, in W. What leaves the battery, the panels and the grid is
-- allocated in this order: import above the house's need charges the battery; solar charges it; solar
-- is exported; the battery is exported; the rest of the import charges the battery; then the house
-- takes solar, battery, grid. What the house took beyond all measured sources (meters disagree by some
-- tens of W) counts for the strongest source at hand, so that the house always equals its three parts.
-- loss is what the sources gave and nobody received; measuring errors can make it slightly negative.
CREATE FUNCTION sungrow_flows(
    pv_power_w double precision, battery_power_w double precision,
    load_power_w double precision, export_power_w double precision)
RETURNS TABLE (
    solar_to_house_w double precision, solar_to_battery_w double precision,
    solar_to_grid_w double precision, battery_to_house_w double precision,
    battery_to_grid_w double precision, grid_to_house_w double precision,
    grid_to_battery_w double precision, loss_w double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- OFFSET 0 keeps the planner from copying each expression into the next.
    SELECT solar_to_house + CASE WHEN solar > 0 AND solar >= greatest(discharge, import)
                                 THEN short ELSE 0 END,
           solar_to_battery, solar_to_grid,
           battery_to_house + CASE WHEN discharge > solar AND discharge >= import
                                   THEN short ELSE 0 END,
           battery_to_grid,
           grid_to_house + CASE WHEN import > greatest(solar, discharge)
                                  OR greatest(solar, discharge) <= 0 THEN short ELSE 0 END,
           grid_to_battery,
           solar + discharge + import - house
               - solar_to_battery - solar_to_grid - battery_to_grid - grid_to_battery
      FROM (SELECT *, greatest(house - solar_to_house - battery_to_house - grid_to_house, 0) AS short
      FROM (SELECT *, least(import - grid_to_battery,
                            house - solar_to_house - battery_to_house) AS grid_to_house
      FROM (SELECT *, least(discharge - battery_to_grid, house - solar_to_house) AS battery_to_house
      FROM (SELECT *, least(discharge, export - solar_to_grid) AS battery_to_grid,
                   surplus_import + least(import - surplus_import,
                                          charge - surplus_import - solar_to_battery) AS grid_to_battery,
                   least(solar - solar_to_battery - solar_to_grid, house) AS solar_to_house
      FROM (SELECT *, least(solar - solar_to_battery, export) AS solar_to_grid
      FROM (SELECT *, least(solar, charge - surplus_import) AS solar_to_battery
      FROM (SELECT *, greatest(least(charge, import - house), 0) AS surplus_import
      FROM (SELECT greatest(pv_power_w, 0) AS solar, greatest(battery_power_w, 0) AS charge,
                   greatest(0, -battery_power_w) AS discharge, greatest(load_power_w, 0) AS house,
                   greatest(export_power_w, 0) AS export, greatest(0, -export_power_w) AS import
      OFFSET 0) a OFFSET 0) b OFFSET 0) c OFFSET 0) d OFFSET 0) e OFFSET 0) f OFFSET 0) g OFFSET 0) h
$$;

-- The lifetime counters at one moment. Ordered by ts, so that least() and greatest() give the first
-- and the last of a bucket whatever the order in which rows arrive.
CREATE TYPE sungrow_counters AS (
    ts                          timestamptz,
    pv_total_kwh                double precision,
    total_import_kwh            double precision,
    total_export_kwh            double precision,
    battery_total_charge_kwh    double precision,
    battery_total_discharge_kwh double precision
);

CREATE TABLE sungrow_5min (
    device_id                      text NOT NULL,
    bucket                         timestamptz NOT NULL,
    sample_count                   bigint NOT NULL,
    covered_s                      double precision NOT NULL,
    first_ts                       timestamptz NOT NULL,
    last_ts                        timestamptz NOT NULL,
    pv_power_w_sum                 double precision NOT NULL,
    pv_power_w_min                 double precision NOT NULL,
    pv_power_w_max                 double precision NOT NULL,
    load_power_w_sum               double precision NOT NULL,
    load_power_w_min               double precision NOT NULL,
    load_power_w_max               double precision NOT NULL,
    export_power_w_sum             double precision NOT NULL,
    export_power_w_min             double precision NOT NULL,
    export_power_w_max             double precision NOT NULL,
    battery_power_w_count          bigint NOT NULL,
    battery_power_w_sum            double precision NOT NULL,
    battery_power_w_min            double precision,
    battery_power_w_max            double precision,
    battery_soc_pct_count          bigint NOT NULL,
    battery_soc_pct_sum            double precision NOT NULL,
    battery_soc_pct_min            double precision,
    battery_soc_pct_max            double precision,
    pv_integral_kwh                double precision NOT NULL,
    load_integral_kwh              double precision NOT NULL,
    import_integral_kwh            double precision NOT NULL,
    export_integral_kwh            double precision NOT NULL,
    battery_charge_integral_kwh    double precision NOT NULL,
    battery_discharge_integral_kwh double precision NOT NULL,
    flow_count                     bigint NOT NULL,
    solar_to_house_kwh             double precision NOT NULL,
    solar_to_battery_kwh           double precision NOT NULL,
    solar_to_grid_kwh              double precision NOT NULL,
    battery_to_house_kwh           double precision NOT NULL,
    battery_to_grid_kwh            double precision NOT NULL,
    grid_to_house_kwh              double precision NOT NULL,
    grid_to_battery_kwh            double precision NOT NULL,
    loss_kwh                       double precision NOT NULL,
    counters_first                 sungrow_counters,
    counters_last                  sungrow_counters,
    PRIMARY KEY (device_id, bucket)
) WITH (fillfactor = 70); -- room for the updates of the running bucket on its own page
COMMENT ON TABLE sungrow_5min IS 'Five minutes UTC of one device: counts, sums, minima and maxima of its samples.';
COMMENT ON COLUMN sungrow_5min.covered_s IS 's; sum of interval_s: how much of the bucket its samples stand for';
COMMENT ON COLUMN sungrow_5min.flow_count IS 'samples that the eight flow columns cover: all but those whose battery direction is undecidable';
COMMENT ON COLUMN sungrow_5min.counters_first IS 'lifetime counters of the first sample that has any; a total of 0 counts as not read';

-- The same by local day. LIKE would copy the column bucket too, which is a date here.
CREATE TABLE sungrow_local_daily (LIKE sungrow_5min INCLUDING COMMENTS);
ALTER TABLE sungrow_local_daily ALTER COLUMN bucket TYPE date USING bucket::date;
ALTER TABLE sungrow_local_daily ADD PRIMARY KEY (device_id, bucket);
ALTER TABLE sungrow_local_daily SET (fillfactor = 70);
COMMENT ON TABLE sungrow_local_daily IS 'One local day of one device, in coalesce(sungrow_devices.timezone, sungrow_site.timezone).';

-- A double may be so small that dividing it underflows, which PostgreSQL takes for an error. Nobody
-- measures 1e-300 W: it is 0.
CREATE FUNCTION sungrow_or_zero(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN abs($1) < 1e-300 THEN 0 ELSE $1 END $$;

CREATE FUNCTION sungrow_rollup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH measured AS (
        SELECT device_id, ts, interval_s, sungrow_or_zero(pv_power_w) AS pv_power_w,
               sungrow_or_zero(battery_power_w) AS battery_power_w,
               sungrow_or_zero(battery_soc_pct) AS battery_soc_pct,
               sungrow_or_zero(load_power_w) AS load_power_w,
               sungrow_or_zero(export_power_w) AS export_power_w,
               pv_total_kwh, total_import_kwh, total_export_kwh, battery_total_charge_kwh,
               battery_total_discharge_kwh
          FROM new_samples OFFSET 0
    ), sample AS (
        SELECT n.*, f.*, n.interval_s / 3600 AS hours,
               ROW(n.ts, nullif(n.pv_total_kwh, 0), nullif(n.total_import_kwh, 0),
                   nullif(n.total_export_kwh, 0), nullif(n.battery_total_charge_kwh, 0),
                   nullif(n.battery_total_discharge_kwh, 0))::sungrow_counters AS counters,
               greatest(n.pv_total_kwh, n.total_import_kwh, n.total_export_kwh,
                        n.battery_total_charge_kwh, n.battery_total_discharge_kwh) > 0 AS counts
          FROM measured n
          -- No battery counts as 0 in the flows; an undecidable direction leaves the sample out.
          LEFT JOIN LATERAL sungrow_flows(n.pv_power_w, coalesce(n.battery_power_w, 0),
                                          n.load_power_w, n.export_power_w) f
                 ON n.battery_power_w IS NOT NULL OR n.battery_soc_pct IS NULL
    ), summary AS MATERIALIZED (
        SELECT device_id, date_bin('5 minutes', ts, '2000-01-01 00:00Z') AS bucket,
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
               sum(load_power_w * hours) / 1000 AS load_integral_kwh,
               sum(greatest(0, -export_power_w) * hours) / 1000 AS import_integral_kwh,
               sum(greatest(export_power_w, 0) * hours) / 1000 AS export_integral_kwh,
               sum(greatest(battery_power_w, 0) * hours) / 1000 AS battery_charge_integral_kwh,
               sum(greatest(0, -battery_power_w) * hours) / 1000 AS battery_discharge_integral_kwh,
               count(solar_to_house_w) AS flow_count,
               coalesce(sum(solar_to_house_w * hours), 0) / 1000 AS solar_to_house_kwh,
               coalesce(sum(solar_to_battery_w * hours), 0) / 1000 AS solar_to_battery_kwh,
               coalesce(sum(solar_to_grid_w * hours), 0) / 1000 AS solar_to_grid_kwh,
               coalesce(sum(battery_to_house_w * hours), 0) / 1000 AS battery_to_house_kwh,
               coalesce(sum(battery_to_grid_w * hours), 0) / 1000 AS battery_to_grid_kwh,
               coalesce(sum(grid_to_house_w * hours), 0) / 1000 AS grid_to_house_kwh,
               coalesce(sum(grid_to_battery_w * hours), 0) / 1000 AS grid_to_battery_kwh,
               coalesce(sum(loss_w * hours), 0) / 1000 AS loss_kwh,
               (min(ARRAY[counters]) FILTER (WHERE counts))[1] AS counters_first,
               (max(ARRAY[counters]) FILTER (WHERE counts))[1] AS counters_last
          FROM sample
         GROUP BY 1, 2
    ), five_minutes AS (
        INSERT INTO sungrow_5min AS r
        SELECT * FROM summary ORDER BY device_id, bucket -- one order of locks for all writers
        ON CONFLICT (device_id, bucket) DO UPDATE SET
            sample_count = r.sample_count + excluded.sample_count,
            covered_s = r.covered_s + excluded.covered_s,
            first_ts = least(r.first_ts, excluded.first_ts),
            last_ts = greatest(r.last_ts, excluded.last_ts),
            pv_power_w_sum = r.pv_power_w_sum + excluded.pv_power_w_sum,
            pv_power_w_min = least(r.pv_power_w_min, excluded.pv_power_w_min),
            pv_power_w_max = greatest(r.pv_power_w_max, excluded.pv_power_w_max),
            load_power_w_sum = r.load_power_w_sum + excluded.load_power_w_sum,
            load_power_w_min = least(r.load_power_w_min, excluded.load_power_w_min),
            load_power_w_max = greatest(r.load_power_w_max, excluded.load_power_w_max),
            export_power_w_sum = r.export_power_w_sum + excluded.export_power_w_sum,
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
            load_integral_kwh = r.load_integral_kwh + excluded.load_integral_kwh,
            import_integral_kwh = r.import_integral_kwh + excluded.import_integral_kwh,
            export_integral_kwh = r.export_integral_kwh + excluded.export_integral_kwh,
            battery_charge_integral_kwh = r.battery_charge_integral_kwh + excluded.battery_charge_integral_kwh,
            battery_discharge_integral_kwh = r.battery_discharge_integral_kwh + excluded.battery_discharge_integral_kwh,
            flow_count = r.flow_count + excluded.flow_count,
            solar_to_house_kwh = r.solar_to_house_kwh + excluded.solar_to_house_kwh,
            solar_to_battery_kwh = r.solar_to_battery_kwh + excluded.solar_to_battery_kwh,
            solar_to_grid_kwh = r.solar_to_grid_kwh + excluded.solar_to_grid_kwh,
            battery_to_house_kwh = r.battery_to_house_kwh + excluded.battery_to_house_kwh,
            battery_to_grid_kwh = r.battery_to_grid_kwh + excluded.battery_to_grid_kwh,
            grid_to_house_kwh = r.grid_to_house_kwh + excluded.grid_to_house_kwh,
            grid_to_battery_kwh = r.grid_to_battery_kwh + excluded.grid_to_battery_kwh,
            loss_kwh = r.loss_kwh + excluded.loss_kwh,
            counters_first = least(r.counters_first, excluded.counters_first),
            counters_last = greatest(r.counters_last, excluded.counters_last)
    )
    INSERT INTO sungrow_local_daily AS r
    SELECT device_id, (bucket AT TIME ZONE coalesce(device.timezone, site.timezone))::date AS day,
           sum(sample_count)::bigint, sum(covered_s), min(first_ts), max(last_ts), sum(pv_power_w_sum),
           min(pv_power_w_min), max(pv_power_w_max), sum(load_power_w_sum), min(load_power_w_min),
           max(load_power_w_max), sum(export_power_w_sum), min(export_power_w_min),
           max(export_power_w_max), sum(battery_power_w_count)::bigint, sum(battery_power_w_sum),
           min(battery_power_w_min), max(battery_power_w_max), sum(battery_soc_pct_count)::bigint,
           sum(battery_soc_pct_sum), min(battery_soc_pct_min), max(battery_soc_pct_max),
           sum(pv_integral_kwh), sum(load_integral_kwh), sum(import_integral_kwh),
           sum(export_integral_kwh), sum(battery_charge_integral_kwh),
           sum(battery_discharge_integral_kwh), sum(flow_count)::bigint, sum(solar_to_house_kwh),
           sum(solar_to_battery_kwh), sum(solar_to_grid_kwh), sum(battery_to_house_kwh),
           sum(battery_to_grid_kwh), sum(grid_to_house_kwh), sum(grid_to_battery_kwh), sum(loss_kwh),
           -- .ts, since a row with any unknown counter is not IS NOT NULL
           (min(ARRAY[counters_first]) FILTER (WHERE (counters_first).ts IS NOT NULL))[1],
           (max(ARRAY[counters_last]) FILTER (WHERE (counters_last).ts IS NOT NULL))[1]
      FROM summary CROSS JOIN sungrow_site site LEFT JOIN sungrow_devices device USING (device_id)
     GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (device_id, bucket) DO UPDATE SET
        sample_count = r.sample_count + excluded.sample_count,
        covered_s = r.covered_s + excluded.covered_s, first_ts = least(r.first_ts, excluded.first_ts),
        last_ts = greatest(r.last_ts, excluded.last_ts),
        pv_power_w_sum = r.pv_power_w_sum + excluded.pv_power_w_sum,
        pv_power_w_min = least(r.pv_power_w_min, excluded.pv_power_w_min),
        pv_power_w_max = greatest(r.pv_power_w_max, excluded.pv_power_w_max),
        load_power_w_sum = r.load_power_w_sum + excluded.load_power_w_sum,
        load_power_w_min = least(r.load_power_w_min, excluded.load_power_w_min),
        load_power_w_max = greatest(r.load_power_w_max, excluded.load_power_w_max),
        export_power_w_sum = r.export_power_w_sum + excluded.export_power_w_sum,
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
        load_integral_kwh = r.load_integral_kwh + excluded.load_integral_kwh,
        import_integral_kwh = r.import_integral_kwh + excluded.import_integral_kwh,
        export_integral_kwh = r.export_integral_kwh + excluded.export_integral_kwh,
        battery_charge_integral_kwh = r.battery_charge_integral_kwh + excluded.battery_charge_integral_kwh,
        battery_discharge_integral_kwh = r.battery_discharge_integral_kwh + excluded.battery_discharge_integral_kwh,
        flow_count = r.flow_count + excluded.flow_count,
        solar_to_house_kwh = r.solar_to_house_kwh + excluded.solar_to_house_kwh,
        solar_to_battery_kwh = r.solar_to_battery_kwh + excluded.solar_to_battery_kwh,
        solar_to_grid_kwh = r.solar_to_grid_kwh + excluded.solar_to_grid_kwh,
        battery_to_house_kwh = r.battery_to_house_kwh + excluded.battery_to_house_kwh,
        battery_to_grid_kwh = r.battery_to_grid_kwh + excluded.battery_to_grid_kwh,
        grid_to_house_kwh = r.grid_to_house_kwh + excluded.grid_to_house_kwh,
        grid_to_battery_kwh = r.grid_to_battery_kwh + excluded.grid_to_battery_kwh,
        loss_kwh = r.loss_kwh + excluded.loss_kwh,
        counters_first = least(r.counters_first, excluded.counters_first),
        counters_last = greatest(r.counters_last, excluded.counters_last);
    RETURN NULL;
END
$$;

CREATE TRIGGER sungrow_rollup AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_rollup();
