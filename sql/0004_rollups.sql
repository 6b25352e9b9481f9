-- What is kept beside the samples, in the very transaction that stores them, by triggers:
-- functions/sungrow_rollup.sql and functions/sungrow_note_seqs.sql.
--
-- Sums and counts, never averages: they add up at every level. What nobody measures is null, and is counted as
-- not measured. No fillfactor: a row that grows with each upload needs room for one more version on its page, and
-- any page has that which is not full of other rows; a reserve left three rows a page where sixteen fit.

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
COMMENT ON TYPE sungrow_counters IS 'The lifetime counters at one moment; ordered by ts.';

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
    load_power_w_sum               double precision,
    load_power_w_min               double precision,
    load_power_w_max               double precision,
    export_power_w_sum             double precision,
    export_power_w_min             double precision,
    export_power_w_max             double precision,
    battery_power_w_count          bigint NOT NULL,
    battery_power_w_sum            double precision NOT NULL,
    battery_power_w_min            double precision,
    battery_power_w_max            double precision,
    battery_soc_pct_count          bigint NOT NULL,
    battery_soc_pct_sum            double precision NOT NULL,
    battery_soc_pct_min            double precision,
    battery_soc_pct_max            double precision,
    pv_integral_kwh                double precision NOT NULL,
    load_integral_kwh              double precision,
    import_integral_kwh            double precision,
    export_integral_kwh            double precision,
    battery_charge_integral_kwh    double precision NOT NULL,
    battery_discharge_integral_kwh double precision NOT NULL,
    flow_count                     bigint NOT NULL,
    solar_to_house_kwh             double precision,
    solar_to_battery_kwh           double precision,
    solar_to_grid_kwh              double precision,
    battery_to_house_kwh           double precision,
    battery_to_grid_kwh            double precision,
    grid_to_house_kwh              double precision,
    grid_to_battery_kwh            double precision,
    loss_kwh                       double precision,
    counters_first                 sungrow_counters,
    counters_last                  sungrow_counters,
    load_power_w_nulls             bigint NOT NULL DEFAULT 0,
    export_power_w_nulls           bigint NOT NULL DEFAULT 0,
    gridless_s                     double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (device_id, bucket)
);
COMMENT ON TABLE sungrow_5min IS 'Five minutes UTC of one device: counts, sums, minima and maxima of its samples.';
COMMENT ON COLUMN sungrow_5min.device_id IS 'which device';
COMMENT ON COLUMN sungrow_5min.bucket IS 'start of the five minutes, UTC';
COMMENT ON COLUMN sungrow_5min.sample_count IS 'how many samples';
COMMENT ON COLUMN sungrow_5min.covered_s IS 's; sum of interval_s: how much of the bucket its samples stand for';
COMMENT ON COLUMN sungrow_5min.first_ts IS 'of the first sample';
COMMENT ON COLUMN sungrow_5min.last_ts IS 'of the last sample';
COMMENT ON COLUMN sungrow_5min.pv_power_w_sum IS 'W; sum of pv_power_w';
COMMENT ON COLUMN sungrow_5min.pv_power_w_min IS 'W; least pv_power_w';
COMMENT ON COLUMN sungrow_5min.pv_power_w_max IS 'W; greatest pv_power_w';
COMMENT ON COLUMN sungrow_5min.load_power_w_sum IS 'W; sum of load_power_w';
COMMENT ON COLUMN sungrow_5min.load_power_w_min IS 'W; least load_power_w';
COMMENT ON COLUMN sungrow_5min.load_power_w_max IS 'W; greatest load_power_w';
COMMENT ON COLUMN sungrow_5min.export_power_w_sum IS 'W; sum of export_power_w; positive = exporting';
COMMENT ON COLUMN sungrow_5min.export_power_w_min IS 'W; least export_power_w';
COMMENT ON COLUMN sungrow_5min.export_power_w_max IS 'W; greatest export_power_w';
COMMENT ON COLUMN sungrow_5min.battery_power_w_count IS 'samples that have battery_power_w';
COMMENT ON COLUMN sungrow_5min.battery_power_w_sum IS 'W; sum of battery_power_w; positive = charging';
COMMENT ON COLUMN sungrow_5min.battery_power_w_min IS 'W; least battery_power_w';
COMMENT ON COLUMN sungrow_5min.battery_power_w_max IS 'W; greatest battery_power_w';
COMMENT ON COLUMN sungrow_5min.battery_soc_pct_count IS 'samples that have battery_soc_pct';
COMMENT ON COLUMN sungrow_5min.battery_soc_pct_sum IS '%; sum of battery_soc_pct';
COMMENT ON COLUMN sungrow_5min.battery_soc_pct_min IS '%; least battery_soc_pct';
COMMENT ON COLUMN sungrow_5min.battery_soc_pct_max IS '%; greatest battery_soc_pct';
COMMENT ON COLUMN sungrow_5min.pv_integral_kwh IS 'kWh; yield of the panels: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_5min.load_integral_kwh IS 'kWh; use of the house: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_5min.import_integral_kwh IS 'kWh; imported from the grid: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_5min.export_integral_kwh IS 'kWh; exported to the grid: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_5min.battery_charge_integral_kwh IS 'kWh; charged: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_5min.battery_discharge_integral_kwh IS 'kWh; discharged: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_5min.flow_count IS 'samples that the eight flow columns cover: all with load_power_w and export_power_w but those whose battery direction is undecidable';
COMMENT ON COLUMN sungrow_5min.solar_to_house_kwh IS 'kWh; from the panels to the house';
COMMENT ON COLUMN sungrow_5min.solar_to_battery_kwh IS 'kWh; from the panels to the battery';
COMMENT ON COLUMN sungrow_5min.solar_to_grid_kwh IS 'kWh; from the panels to the grid';
COMMENT ON COLUMN sungrow_5min.battery_to_house_kwh IS 'kWh; from the battery to the house';
COMMENT ON COLUMN sungrow_5min.battery_to_grid_kwh IS 'kWh; from the battery to the grid';
COMMENT ON COLUMN sungrow_5min.grid_to_house_kwh IS 'kWh; from the grid to the house';
COMMENT ON COLUMN sungrow_5min.grid_to_battery_kwh IS 'kWh; from the grid to the battery';
COMMENT ON COLUMN sungrow_5min.loss_kwh IS 'kWh; what the sources gave and nobody received';
COMMENT ON COLUMN sungrow_5min.counters_first IS 'lifetime counters of the first sample that has any; a total of 0 counts as not read';
COMMENT ON COLUMN sungrow_5min.counters_last IS 'lifetime counters of the last sample that has any';
COMMENT ON COLUMN sungrow_5min.load_power_w_nulls IS 'samples without load_power_w: sum, minimum and maximum are of the others';
COMMENT ON COLUMN sungrow_5min.export_power_w_nulls IS 'samples without export_power_w: sum, minimum and maximum are of the others';
COMMENT ON COLUMN sungrow_5min.gridless_s IS 's; part of covered_s whose samples lack load_power_w or export_power_w: integrals of load, import and export, and the flows, are of the rest, and null without any';

-- The same by local day. LIKE copies the column bucket too, which is a date here.
CREATE TABLE sungrow_local_daily (LIKE sungrow_5min INCLUDING COMMENTS INCLUDING DEFAULTS);
ALTER TABLE sungrow_local_daily ALTER COLUMN bucket TYPE date USING bucket::date;
ALTER TABLE sungrow_local_daily ADD PRIMARY KEY (device_id, bucket);
COMMENT ON TABLE sungrow_local_daily IS 'One local day of one device, in coalesce(sungrow_devices.timezone, sungrow_site.timezone).';
COMMENT ON COLUMN sungrow_local_daily.bucket IS 'the local day';

-- Which polls of each boot arrived. The edge numbers the readings of a boot, so a number that is missing between
-- two that are here is a reading that is not. Ranges by quarter hour: a year without a hole is 35,000 short
-- rows, where counting raw samples would read six million. Quarter hours, because every zone's midnight is the
-- start of one.
CREATE TABLE sungrow_seqs (
    device_id   text NOT NULL,
    slot        timestamptz NOT NULL,
    boot        text NOT NULL,
    seqs        int8multirange NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, slot, boot)
);
CREATE INDEX sungrow_seqs_boot ON sungrow_seqs (device_id, boot, slot);
COMMENT ON TABLE sungrow_seqs IS 'Numbers (seq) of the stored samples of one boot and one quarter hour UTC; slot is its start.';
COMMENT ON COLUMN sungrow_seqs.device_id IS 'which device';
COMMENT ON COLUMN sungrow_seqs.slot IS 'start of the quarter hour, UTC';
COMMENT ON COLUMN sungrow_seqs.boot IS 'one value a boot of the edge';
COMMENT ON COLUMN sungrow_seqs.seqs IS 'the numbers, as ranges';
COMMENT ON COLUMN sungrow_seqs.received_at IS 'when the last of them was stored';
