-- What the database knows: readings, devices, and what the edge reports beside its readings.
--
-- Applied by `python -m server.migrate`, or by hand: psql -1 -f FILE, then `server.migrate --record 1`.
-- Every key begins with device_id, so that a distributed PostgreSQL could keep each device on one
-- shard. What would stand in its way: sungrow_site (one row for all devices: a reference table there),
-- and the trigger of 0003, which reads it.

CREATE TABLE schema_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    edition    text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Which files of sql/ this database has seen, and what they said (SHA-256).';

CREATE TABLE sungrow_site (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    timezone text NOT NULL DEFAULT 'UTC'
             CHECK (to_timestamp(0) AT TIME ZONE timezone IS NOT NULL) -- an unknown zone is an error
);
INSERT INTO sungrow_site DEFAULT VALUES;
COMMENT ON TABLE sungrow_site IS 'One row: the IANA zone of local days. Changed by server.migrate and server.rebuild only, since rollups hang on it.';

CREATE TABLE sungrow_devices (
    device_id        text PRIMARY KEY,
    timezone         text CHECK (timezone IS NULL OR to_timestamp(0) AT TIME ZONE timezone IS NOT NULL),
    serial           text,
    device_type_code integer,
    model            text,
    nominal_power_w  double precision,
    firmware         text,
    has_meter        boolean,
    has_battery      boolean,
    edge_version     text,
    updated_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sungrow_devices IS 'Facts of each device, as its edge last reported them.';
COMMENT ON COLUMN sungrow_devices.timezone IS 'IANA zone of this device where it is not the site''s';

-- Measured values are double precision: what JSON carries comes back to the last digit, and a value
-- sent twice equals itself.
CREATE TABLE sungrow_samples (
    device_id                    text NOT NULL,
    ts                           timestamptz NOT NULL,
    pv_power_w                   double precision NOT NULL,
    pv_daily_kwh                 double precision,
    battery_power_w              double precision,
    battery_soc_pct              double precision,
    battery_temp_c               double precision,
    load_power_w                 double precision NOT NULL,
    export_power_w               double precision NOT NULL,
    pv_total_kwh                 double precision,
    mppt1_voltage_v              double precision,
    mppt1_current_a              double precision,
    mppt2_voltage_v              double precision,
    mppt2_current_a              double precision,
    mppt3_voltage_v              double precision,
    mppt3_current_a              double precision,
    mppt4_voltage_v              double precision,
    mppt4_current_a              double precision,
    battery_voltage_v            double precision,
    battery_current_a            double precision,
    battery_soh_pct              double precision,
    battery_daily_charge_kwh     double precision,
    battery_daily_discharge_kwh  double precision,
    battery_total_charge_kwh     double precision,
    battery_total_discharge_kwh  double precision,
    daily_direct_consumption_kwh double precision,
    total_import_kwh             double precision,
    total_export_kwh             double precision,
    grid_power_w                 double precision,
    inverter_power_w             double precision,
    inverter_temp_c              double precision,
    grid_frequency_hz            double precision,
    grid_voltage_v               double precision,
    running_state                integer,
    power_flow_status            integer,
    interval_s                   double precision NOT NULL DEFAULT 5,
    seq                          bigint,
    ts_src                       smallint,
    battery_power_source         text,
    boot                         text,
    extra                        jsonb,
    received_at                  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, ts)
);
COMMENT ON TABLE sungrow_samples IS 'One row a reading: one poll of the inverter, decoded.';
COMMENT ON COLUMN sungrow_samples.ts IS 'when the edge polled, UTC, microseconds';
COMMENT ON COLUMN sungrow_samples.pv_power_w IS 'W; DC power of all strings';
COMMENT ON COLUMN sungrow_samples.pv_daily_kwh IS 'kWh; PV yield since the inverter''s midnight';
COMMENT ON COLUMN sungrow_samples.battery_power_w IS 'W; positive = charging; null: no battery, or direction undecidable';
COMMENT ON COLUMN sungrow_samples.battery_soc_pct IS '%; state of charge; null: no battery';
COMMENT ON COLUMN sungrow_samples.battery_temp_c IS '°C; battery temperature';
COMMENT ON COLUMN sungrow_samples.load_power_w IS 'W; house consumption; negative: another generator behind the same meter';
COMMENT ON COLUMN sungrow_samples.export_power_w IS 'W; positive = exporting';
COMMENT ON COLUMN sungrow_samples.pv_total_kwh IS 'kWh; PV yield, lifetime';
COMMENT ON COLUMN sungrow_samples.mppt1_voltage_v IS 'V; voltage of string input 1';
COMMENT ON COLUMN sungrow_samples.mppt1_current_a IS 'A; current of string input 1';
COMMENT ON COLUMN sungrow_samples.mppt2_voltage_v IS 'V; voltage of string input 2';
COMMENT ON COLUMN sungrow_samples.mppt2_current_a IS 'A; current of string input 2';
COMMENT ON COLUMN sungrow_samples.mppt3_voltage_v IS 'V; voltage of string input 3';
COMMENT ON COLUMN sungrow_samples.mppt3_current_a IS 'A; current of string input 3';
COMMENT ON COLUMN sungrow_samples.mppt4_voltage_v IS 'V; voltage of string input 4';
COMMENT ON COLUMN sungrow_samples.mppt4_current_a IS 'A; current of string input 4';
COMMENT ON COLUMN sungrow_samples.battery_voltage_v IS 'V; battery voltage';
COMMENT ON COLUMN sungrow_samples.battery_current_a IS 'A; positive = charging';
COMMENT ON COLUMN sungrow_samples.battery_soh_pct IS '%; state of health';
COMMENT ON COLUMN sungrow_samples.battery_daily_charge_kwh IS 'kWh; charged since the inverter''s midnight';
COMMENT ON COLUMN sungrow_samples.battery_daily_discharge_kwh IS 'kWh; discharged since midnight';
COMMENT ON COLUMN sungrow_samples.battery_total_charge_kwh IS 'kWh; charged, lifetime';
COMMENT ON COLUMN sungrow_samples.battery_total_discharge_kwh IS 'kWh; discharged, lifetime';
COMMENT ON COLUMN sungrow_samples.daily_direct_consumption_kwh IS 'kWh; PV used at once, since midnight';
COMMENT ON COLUMN sungrow_samples.total_import_kwh IS 'kWh; imported from the grid, lifetime';
COMMENT ON COLUMN sungrow_samples.total_export_kwh IS 'kWh; exported to the grid, lifetime';
COMMENT ON COLUMN sungrow_samples.grid_power_w IS 'W; the meter; positive = importing';
COMMENT ON COLUMN sungrow_samples.inverter_power_w IS 'W; AC side; positive = delivering';
COMMENT ON COLUMN sungrow_samples.inverter_temp_c IS '°C; inside the inverter';
COMMENT ON COLUMN sungrow_samples.grid_frequency_hz IS 'Hz; grid frequency';
COMMENT ON COLUMN sungrow_samples.grid_voltage_v IS 'V; grid voltage, phase A';
COMMENT ON COLUMN sungrow_samples.running_state IS 'code; raw code of register 13000';
COMMENT ON COLUMN sungrow_samples.power_flow_status IS 'bits; raw bits of register 13001';
COMMENT ON COLUMN sungrow_samples.interval_s IS 's; time that this sample stands for';
COMMENT ON COLUMN sungrow_samples.seq IS 'counts the polls of a boot';
COMMENT ON COLUMN sungrow_samples.ts_src IS 'code; 0 clock synchronised, 1 corrected within the boot, 2 never sent, 3 estimated';
COMMENT ON COLUMN sungrow_samples.battery_power_source IS 'which rule gave the battery''s sign';
COMMENT ON COLUMN sungrow_samples.boot IS 'one value a boot of the edge';
COMMENT ON COLUMN sungrow_samples.extra IS 'fields that an edge newer than this server sent';
COMMENT ON COLUMN sungrow_samples.received_at IS 'when the server stored the row';

CREATE TABLE sungrow_reports (
    device_id        text NOT NULL,
    boot             text NOT NULL,
    slot             timestamptz NOT NULL,
    polled           integer NOT NULL,
    failed           jsonb NOT NULL DEFAULT '{}',
    waiting          integer,
    oldest_unsent_ts timestamptz,
    parked           integer,
    clock            text,
    received_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot, slot)
);
COMMENT ON TABLE sungrow_reports IS 'The edge''s own counts of one quarter hour (UTC, slot is its start); a repeat replaces.';
COMMENT ON COLUMN sungrow_reports.failed IS 'reason of failed polls -> how many';

CREATE TABLE sungrow_gaps (
    device_id   text NOT NULL,
    from_ts     timestamptz NOT NULL,
    cause       text NOT NULL,
    to_ts       timestamptz NOT NULL,
    count       integer,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, from_ts, cause)
);
COMMENT ON TABLE sungrow_gaps IS 'Spans without readings that the edge knows of, with the cause; a repeat replaces.';

CREATE TABLE sungrow_parked (
    device_id   text NOT NULL,
    boot        text NOT NULL,
    seq         bigint NOT NULL,
    ts          timestamptz,
    reason      text NOT NULL,
    content     json,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot, seq)
);
COMMENT ON TABLE sungrow_parked IS 'Readings that can never be a sample, kept with the reason.';
COMMENT ON COLUMN sungrow_parked.content IS 'raw words where decoding failed, else the sample as it was sent; json, not jsonb: whatever was sent fits';
