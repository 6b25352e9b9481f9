-- Joins some five minutes of a house again, from the rows of both kinds, and adds what is different. Anyone who calls it
-- holds the lock of the device alone: it must see every sample, and nobody may add one meanwhile.
CREATE OR REPLACE FUNCTION sungrow_house_make(
    of_device text, buckets timestamptz[],
    new_ts timestamptz[] DEFAULT '{}', new_power_w double precision[] DEFAULT '{}')
RETURNS void LANGUAGE sql AS $$
    SELECT sungrow_house_add(of_device, ARRAY(
        SELECT ROW(of_device, bucket,
                   coalesce(new.paired_count, 0) - coalesce(old.paired_count, 0),
                   coalesce(new.metered_count, 0) - coalesce(old.metered_count, 0),
                   coalesce(new.covered_s, 0) - coalesce(old.covered_s, 0),
                   coalesce(new.load_power_w_sum, 0) - coalesce(old.load_power_w_sum, 0),
                   coalesce(new.export_power_w_sum, 0) - coalesce(old.export_power_w_sum, 0),
                   coalesce(new.load_integral_kwh, 0) - coalesce(old.load_integral_kwh, 0),
                   coalesce(new.import_integral_kwh, 0) - coalesce(old.import_integral_kwh, 0),
                   coalesce(new.export_integral_kwh, 0) - coalesce(old.export_integral_kwh, 0),
                   coalesce(new.flow_count, 0) - coalesce(old.flow_count, 0),
                   coalesce(new.solar_to_house_kwh, 0) - coalesce(old.solar_to_house_kwh, 0),
                   coalesce(new.solar_to_battery_kwh, 0) - coalesce(old.solar_to_battery_kwh, 0),
                   coalesce(new.solar_to_grid_kwh, 0) - coalesce(old.solar_to_grid_kwh, 0),
                   coalesce(new.battery_to_house_kwh, 0) - coalesce(old.battery_to_house_kwh, 0),
                   coalesce(new.battery_to_grid_kwh, 0) - coalesce(old.battery_to_grid_kwh, 0),
                   coalesce(new.grid_to_house_kwh, 0) - coalesce(old.grid_to_house_kwh, 0),
                   coalesce(new.grid_to_battery_kwh, 0) - coalesce(old.grid_to_battery_kwh, 0),
                   coalesce(new.loss_kwh, 0) - coalesce(old.loss_kwh, 0))::sungrow_house_5min
          FROM sungrow_house_sums(of_device, ARRAY(
                   SELECT ROW(ts, interval_s, pv_power_w, battery_power_w, battery_soc_pct, inverter_power_w,
                              load_power_w IS NOT NULL AND export_power_w IS NOT NULL)::sungrow_house_sample
                     FROM unnest(buckets) AS asked (bucket)
                    CROSS JOIN LATERAL (
                          SELECT * FROM sungrow_samples
                           WHERE device_id = of_device AND ts >= asked.bucket
                             AND ts < asked.bucket + interval '5 minutes') AS sample),
                   sungrow_p1_lag_s(of_device), new_ts, new_power_w) AS new
          FULL JOIN (SELECT * FROM sungrow_house_5min
                      WHERE device_id = of_device AND bucket = ANY (buckets)) AS old USING (bucket)));
    DELETE FROM sungrow_house_5min
     WHERE device_id = of_device AND bucket = ANY (buckets) AND paired_count = 0
$$;
