-- The house: the inverter's samples joined with the readings of its grid (P1) meter. Kept by triggers of both tables,
-- in the transaction that stores either: functions/sungrow_house_*.sql. Sums and counts alone, so that what changes
-- is added, and so are days from their five minutes. A house without a grid meter has no row here.

-- What the join needs of a sample.
CREATE TYPE sungrow_house_sample AS (
    ts               timestamptz,
    interval_s       double precision,
    pv_power_w       double precision,
    battery_power_w  double precision,
    battery_soc_pct  double precision,
    inverter_power_w double precision,
    is_metered       boolean
);
COMMENT ON TYPE sungrow_house_sample IS 'What the join with the grid meter needs of a sample; is_metered: the inverter''s own meter tells load and export.';

CREATE TABLE sungrow_house_5min (
    device_id            text NOT NULL,
    bucket               timestamptz NOT NULL,
    paired_count         bigint NOT NULL,
    metered_count        bigint NOT NULL,
    covered_s            double precision NOT NULL,
    load_power_w_sum     double precision NOT NULL,
    export_power_w_sum   double precision NOT NULL,
    load_integral_kwh    double precision NOT NULL,
    import_integral_kwh  double precision NOT NULL,
    export_integral_kwh  double precision NOT NULL,
    flow_count           bigint NOT NULL,
    solar_to_house_kwh   double precision NOT NULL,
    solar_to_battery_kwh double precision NOT NULL,
    solar_to_grid_kwh    double precision NOT NULL,
    battery_to_house_kwh double precision NOT NULL,
    battery_to_grid_kwh  double precision NOT NULL,
    grid_to_house_kwh    double precision NOT NULL,
    grid_to_battery_kwh  double precision NOT NULL,
    loss_kwh             double precision NOT NULL,
    PRIMARY KEY (device_id, bucket)
);
COMMENT ON TABLE sungrow_house_5min IS 'Five minutes UTC of one house: its samples that have a reading of the grid meter beside them.';
COMMENT ON COLUMN sungrow_house_5min.device_id IS 'which house';
COMMENT ON COLUMN sungrow_house_5min.bucket IS 'start of the five minutes, UTC';
COMMENT ON COLUMN sungrow_house_5min.paired_count IS 'samples of the inverter that have a reading of the grid meter beside them; all that follows is of these';
COMMENT ON COLUMN sungrow_house_5min.metered_count IS 'those of them of which the inverter''s own meter tells load and export too';
COMMENT ON COLUMN sungrow_house_5min.covered_s IS 's; sum of their interval_s';
COMMENT ON COLUMN sungrow_house_5min.load_power_w_sum IS 'W; sum of the house''s use: inverter_power_w of the sample + power_w of the grid meter';
COMMENT ON COLUMN sungrow_house_5min.export_power_w_sum IS 'W; sum of - power_w of the grid meter; positive = exporting';
COMMENT ON COLUMN sungrow_house_5min.load_integral_kwh IS 'kWh; use of the house: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_house_5min.import_integral_kwh IS 'kWh; imported from the grid: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_house_5min.export_integral_kwh IS 'kWh; exported to the grid: the power times interval_s, summed';
COMMENT ON COLUMN sungrow_house_5min.flow_count IS 'samples that the eight flow columns cover: all but those whose battery direction is undecidable';
COMMENT ON COLUMN sungrow_house_5min.solar_to_house_kwh IS 'kWh; from the panels to the house';
COMMENT ON COLUMN sungrow_house_5min.solar_to_battery_kwh IS 'kWh; from the panels to the battery';
COMMENT ON COLUMN sungrow_house_5min.solar_to_grid_kwh IS 'kWh; from the panels to the grid';
COMMENT ON COLUMN sungrow_house_5min.battery_to_house_kwh IS 'kWh; from the battery to the house';
COMMENT ON COLUMN sungrow_house_5min.battery_to_grid_kwh IS 'kWh; from the battery to the grid';
COMMENT ON COLUMN sungrow_house_5min.grid_to_house_kwh IS 'kWh; from the grid to the house';
COMMENT ON COLUMN sungrow_house_5min.grid_to_battery_kwh IS 'kWh; from the grid to the battery';
COMMENT ON COLUMN sungrow_house_5min.loss_kwh IS 'kWh; what the sources gave and nobody received';

-- The same by local day. LIKE copies the column bucket too, which is a date here.
CREATE TABLE sungrow_house_daily (LIKE sungrow_house_5min INCLUDING COMMENTS);
ALTER TABLE sungrow_house_daily ALTER COLUMN bucket TYPE date USING bucket::date;
ALTER TABLE sungrow_house_daily ADD PRIMARY KEY (device_id, bucket);
COMMENT ON TABLE sungrow_house_daily IS 'One local day of one house, in coalesce(sungrow_devices.timezone, sungrow_site.timezone).';
COMMENT ON COLUMN sungrow_house_daily.bucket IS 'the local day';

-- How much later the inverter tells of the grid than the meter itself does.
ALTER TABLE sungrow_devices ADD COLUMN p1_lag_s double precision NOT NULL DEFAULT 0 CHECK (p1_lag_s BETWEEN -300 AND 300);
COMMENT ON COLUMN sungrow_devices.p1_lag_s IS 's; a sample pairs with the reading of the grid meter that is so much older. Changed by server.p1 alone, since rollups hang on it.';

-- functions/sungrow_daily_energy.sql makes it with one column more; functions/sungrow_energy.sql stands on it.
DROP VIEW IF EXISTS sungrow_energy;
DROP FUNCTION IF EXISTS sungrow_daily_energy(text, date, date);
