-- The samples of a batch come sample by sample, as an array of rows, where each field was an array (0013): to read and
-- to unnest forty arrays side by side took a third of what storing two samples takes, without the rollups.
DROP FUNCTION sungrow_insert_samples;
DROP TYPE sungrow_batch;

-- Whole numbers come as double precision too, since JSON may say 3 as 3.0.
CREATE TYPE sungrow_reading AS (
    ts                             timestamptz,
    pv_power_w                     double precision,
    pv_daily_kwh                   double precision,
    battery_power_w                double precision,
    battery_soc_pct                double precision,
    battery_temp_c                 double precision,
    load_power_w                   double precision,
    export_power_w                 double precision,
    pv_total_kwh                   double precision,
    mppt1_voltage_v                double precision,
    mppt1_current_a                double precision,
    mppt2_voltage_v                double precision,
    mppt2_current_a                double precision,
    mppt3_voltage_v                double precision,
    mppt3_current_a                double precision,
    mppt4_voltage_v                double precision,
    mppt4_current_a                double precision,
    battery_voltage_v              double precision,
    battery_current_a              double precision,
    battery_soh_pct                double precision,
    battery_daily_charge_kwh       double precision,
    battery_daily_discharge_kwh    double precision,
    battery_total_charge_kwh       double precision,
    battery_total_discharge_kwh    double precision,
    daily_direct_consumption_kwh   double precision,
    total_import_kwh               double precision,
    total_export_kwh               double precision,
    grid_power_w                   double precision,
    inverter_power_w               double precision,
    inverter_temp_c                double precision,
    grid_frequency_hz              double precision,
    grid_voltage_v                 double precision,
    running_state                  double precision,
    power_flow_status              double precision,
    interval_s                     double precision,
    seq                            double precision,
    ts_src                         double precision,
    battery_power_source           text,
    boot                           text,
    extra                          jsonb
);
COMMENT ON TYPE sungrow_reading IS 'A sample as sungrow_insert_samples takes it: what it does not tell is null.';

-- What ingest calls: shares the lock of the samples' device, leaves out those of a forgotten time, and inserts the
-- rest. The samples come by rising ts. A function, since its plans are made once a connection: the statement by
-- itself, with forty columns to look up and to plan, took as long as inserting two rows. And since each of its
-- statements sees what is committed when it begins: in a single statement that locks and reads, the ranges
-- would be read as they were before the wait for the lock.
CREATE FUNCTION sungrow_insert_samples(
    of_device text, readings sungrow_reading[], OUT inserted bigint, OUT forgotten bigint)
LANGUAGE plpgsql AS $$
DECLARE
    gone tstzmultirange;
BEGIN
    -- As sungrow_lock_forgotten does it: to call that takes 7 % of what all of this takes for two samples.
    PERFORM pg_advisory_xact_lock_shared(sungrow_device_lock(of_device));
    SELECT range_agg(tstzrange(from_ts, to_ts)) INTO gone FROM sungrow_forgotten
     WHERE device_id = of_device
       AND from_ts <= readings[cardinality(readings)].ts AND to_ts > readings[1].ts;
    -- Who comes second to a key changes nothing.
    INSERT INTO sungrow_samples (
        device_id, ts, pv_power_w, pv_daily_kwh, battery_power_w, battery_soc_pct, battery_temp_c,
        load_power_w, export_power_w, pv_total_kwh, mppt1_voltage_v, mppt1_current_a,
        mppt2_voltage_v, mppt2_current_a, mppt3_voltage_v, mppt3_current_a, mppt4_voltage_v,
        mppt4_current_a, battery_voltage_v, battery_current_a, battery_soh_pct,
        battery_daily_charge_kwh, battery_daily_discharge_kwh, battery_total_charge_kwh,
        battery_total_discharge_kwh, daily_direct_consumption_kwh, total_import_kwh,
        total_export_kwh, grid_power_w, inverter_power_w, inverter_temp_c, grid_frequency_hz,
        grid_voltage_v, running_state, power_flow_status, interval_s, seq, ts_src,
        battery_power_source, boot, extra)
    SELECT of_device, reading.* FROM unnest(readings) AS reading
     WHERE gone IS NULL OR NOT reading.ts <@ gone
    ON CONFLICT (device_id, ts) DO NOTHING;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    forgotten := 0;
    IF gone IS NOT NULL THEN
        SELECT count(*) INTO forgotten FROM unnest(readings) AS reading WHERE reading.ts <@ gone;
    END IF;
END
$$;
COMMENT ON FUNCTION sungrow_insert_samples IS 'Stores the samples of a batch whose time is neither taken nor forgotten; gives how many, and how many are of a forgotten time.';
