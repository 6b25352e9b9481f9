-- The readings: what everything else here is computed of.

-- Voltages, currents, temperatures and their like move in few steps: of a thousand readings in a row, some
-- ten to a hundred differ. TimescaleDB's columnstore packs a double precision by the bits in which it differs
-- from the one before, and a tenth has no end in binary: six bytes for each 230.1 after a 230.2. A type that
-- it does not know it keeps as a list of the values that occur, and a number of some bits for each reading.
-- So such columns have a type of another name, which is double precision in everything else; and a sample
-- takes two fifths less in the columnstore. Not those that views stand on, nor inverter_power_w, which hardly
-- repeats itself. Elsewhere it changes nothing, until --to-timescaledb brings a columnstore.
CREATE DOMAIN sungrow_steps AS double precision;
COMMENT ON DOMAIN sungrow_steps IS 'double precision; by this name the columnstore keeps each value that occurs once.';

-- Measured values are double precision: what JSON carries comes back to the last digit, and a value
-- sent twice equals itself. Whoever adds a column: at the end, and in server/database/samples.py.
CREATE TABLE sungrow_samples (
    device_id                    text NOT NULL,
    ts                           timestamptz NOT NULL,
    pv_power_w                   double precision NOT NULL,
    pv_daily_kwh                 double precision,
    battery_power_w              double precision,
    battery_soc_pct              double precision,
    battery_temp_c               sungrow_steps,
    load_power_w                 double precision,
    export_power_w               double precision,
    pv_total_kwh                 double precision,
    mppt1_voltage_v              sungrow_steps,
    mppt1_current_a              sungrow_steps,
    mppt2_voltage_v              sungrow_steps,
    mppt2_current_a              sungrow_steps,
    mppt3_voltage_v              sungrow_steps,
    mppt3_current_a              sungrow_steps,
    mppt4_voltage_v              sungrow_steps,
    mppt4_current_a              sungrow_steps,
    battery_voltage_v            sungrow_steps,
    battery_current_a            sungrow_steps,
    battery_soh_pct              sungrow_steps,
    battery_daily_charge_kwh     double precision,
    battery_daily_discharge_kwh  double precision,
    battery_total_charge_kwh     double precision,
    battery_total_discharge_kwh  double precision,
    daily_direct_consumption_kwh double precision,
    total_import_kwh             double precision,
    total_export_kwh             double precision,
    grid_power_w                 sungrow_steps,
    inverter_power_w             double precision,
    inverter_temp_c              sungrow_steps,
    grid_frequency_hz            sungrow_steps,
    grid_voltage_v               sungrow_steps,
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
COMMENT ON COLUMN sungrow_samples.device_id IS 'which device; its token says so';
COMMENT ON COLUMN sungrow_samples.ts IS 'when the edge polled, UTC, microseconds';
COMMENT ON COLUMN sungrow_samples.pv_power_w IS 'W; DC power of all strings';
COMMENT ON COLUMN sungrow_samples.pv_daily_kwh IS 'kWh; PV yield since the inverter''s midnight';
COMMENT ON COLUMN sungrow_samples.battery_power_w IS 'W; positive = charging; null: no battery, or direction undecidable';
COMMENT ON COLUMN sungrow_samples.battery_soc_pct IS '%; state of charge; null: no battery';
COMMENT ON COLUMN sungrow_samples.battery_temp_c IS '°C; battery temperature';
COMMENT ON COLUMN sungrow_samples.load_power_w IS 'W; house consumption; negative: another generator behind the same meter; null: no grid meter';
COMMENT ON COLUMN sungrow_samples.export_power_w IS 'W; positive = exporting; null: no grid meter';
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
COMMENT ON COLUMN sungrow_samples.interval_s IS 's; time that this sample covers';
COMMENT ON COLUMN sungrow_samples.seq IS 'counts the polls of a boot';
COMMENT ON COLUMN sungrow_samples.ts_src IS 'code; 0 clock synchronised, 1 corrected within the boot, 2 never sent, 3 estimated';
COMMENT ON COLUMN sungrow_samples.battery_power_source IS 'which rule gave the battery''s sign';
COMMENT ON COLUMN sungrow_samples.boot IS 'one value a boot of the edge';
COMMENT ON COLUMN sungrow_samples.extra IS 'fields that an edge newer than this server sent';
COMMENT ON COLUMN sungrow_samples.received_at IS 'when the server stored the row';
