-- Adds to the five minutes of a house, and to their local days. What is taken back is added as negative.
CREATE OR REPLACE FUNCTION sungrow_house_add(of_device text, sums sungrow_house_5min[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO sungrow_house_5min AS r SELECT * FROM unnest(sums)
     ORDER BY bucket -- one order of locks for all writers
    ON CONFLICT (device_id, bucket) DO UPDATE SET
        paired_count = r.paired_count + excluded.paired_count,
        metered_count = r.metered_count + excluded.metered_count,
        covered_s = r.covered_s + excluded.covered_s,
        load_power_w_sum = r.load_power_w_sum + excluded.load_power_w_sum,
        export_power_w_sum = r.export_power_w_sum + excluded.export_power_w_sum,
        load_integral_kwh = r.load_integral_kwh + excluded.load_integral_kwh,
        import_integral_kwh = r.import_integral_kwh + excluded.import_integral_kwh,
        export_integral_kwh = r.export_integral_kwh + excluded.export_integral_kwh,
        flow_count = r.flow_count + excluded.flow_count,
        solar_to_house_kwh = r.solar_to_house_kwh + excluded.solar_to_house_kwh,
        solar_to_battery_kwh = r.solar_to_battery_kwh + excluded.solar_to_battery_kwh,
        solar_to_grid_kwh = r.solar_to_grid_kwh + excluded.solar_to_grid_kwh,
        battery_to_house_kwh = r.battery_to_house_kwh + excluded.battery_to_house_kwh,
        battery_to_grid_kwh = r.battery_to_grid_kwh + excluded.battery_to_grid_kwh,
        grid_to_house_kwh = r.grid_to_house_kwh + excluded.grid_to_house_kwh,
        grid_to_battery_kwh = r.grid_to_battery_kwh + excluded.grid_to_battery_kwh,
        loss_kwh = r.loss_kwh + excluded.loss_kwh;
    INSERT INTO sungrow_house_daily AS r
    SELECT device_id, (bucket AT TIME ZONE sungrow_timezone(of_device))::date,
           sum(paired_count),
           sum(metered_count),
           sum(covered_s),
           sum(load_power_w_sum),
           sum(export_power_w_sum),
           sum(load_integral_kwh),
           sum(import_integral_kwh),
           sum(export_integral_kwh),
           sum(flow_count),
           sum(solar_to_house_kwh),
           sum(solar_to_battery_kwh),
           sum(solar_to_grid_kwh),
           sum(battery_to_house_kwh),
           sum(battery_to_grid_kwh),
           sum(grid_to_house_kwh),
           sum(grid_to_battery_kwh),
           sum(loss_kwh)
      FROM unnest(sums) GROUP BY 1, 2 ORDER BY 2
    ON CONFLICT (device_id, bucket) DO UPDATE SET
        paired_count = r.paired_count + excluded.paired_count,
        metered_count = r.metered_count + excluded.metered_count,
        covered_s = r.covered_s + excluded.covered_s,
        load_power_w_sum = r.load_power_w_sum + excluded.load_power_w_sum,
        export_power_w_sum = r.export_power_w_sum + excluded.export_power_w_sum,
        load_integral_kwh = r.load_integral_kwh + excluded.load_integral_kwh,
        import_integral_kwh = r.import_integral_kwh + excluded.import_integral_kwh,
        export_integral_kwh = r.export_integral_kwh + excluded.export_integral_kwh,
        flow_count = r.flow_count + excluded.flow_count,
        solar_to_house_kwh = r.solar_to_house_kwh + excluded.solar_to_house_kwh,
        solar_to_battery_kwh = r.solar_to_battery_kwh + excluded.solar_to_battery_kwh,
        solar_to_grid_kwh = r.solar_to_grid_kwh + excluded.solar_to_grid_kwh,
        battery_to_house_kwh = r.battery_to_house_kwh + excluded.battery_to_house_kwh,
        battery_to_grid_kwh = r.battery_to_grid_kwh + excluded.battery_to_grid_kwh,
        grid_to_house_kwh = r.grid_to_house_kwh + excluded.grid_to_house_kwh,
        grid_to_battery_kwh = r.grid_to_battery_kwh + excluded.grid_to_battery_kwh,
        loss_kwh = r.loss_kwh + excluded.loss_kwh
$$;
