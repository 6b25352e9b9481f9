-- Keeps the rollups in the very transaction that stores the samples, late and out-of-order rows included, on
-- every edition of the database: so they are exact at every moment.
--
-- Each sample is added up for its five minutes and for its local day at once: to sum days from their five
-- minutes took as many aggregates again, a quarter of what the trigger takes for the two samples of an
-- upload. Energy is power times interval_s, split by sign before summing.
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

CREATE OR REPLACE TRIGGER sungrow_rollup AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_rollup();
