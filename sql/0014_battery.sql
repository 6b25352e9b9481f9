-- The battery: what it can still hold, and what it is worth. The nightly job "battery" (server/nightly) writes all of
-- this but the settings, of the rollups and readings of the days that changed; what it says is server/battery. A house
-- without a battery has no row here.

-- Kept by hour, where the five minutes of sungrow_5min know nothing of it. Of the readings themselves.
CREATE TYPE sungrow_battery_band AS (
    soc_from_pct  double precision,
    temp_from_c   double precision,
    rate_from_1_h double precision,
    direction     integer,
    seconds       double precision
);
COMMENT ON TYPE sungrow_battery_band IS 'Seconds of an hour in one band of state of charge, temperature and C-rate, each named by its lower edge (%, °C, power / nominal capacity a hour; null: not known); direction: 1 charging, -1 discharging, 0 at rest (below 20 W).';

CREATE TABLE sungrow_battery_hourly (
    device_id      text NOT NULL,
    bucket         timestamptz NOT NULL,
    covered_s      double precision NOT NULL,
    temp_c_count   bigint NOT NULL,
    temp_c_sum     double precision NOT NULL,
    temp_c_min     double precision,
    temp_c_max     double precision,
    rest_v_count   bigint NOT NULL,
    rest_v_sum     double precision NOT NULL,
    soh_pct_count  bigint NOT NULL,
    soh_pct_sum    double precision NOT NULL,
    bands          sungrow_battery_band[] NOT NULL,
    PRIMARY KEY (device_id, bucket)
);
COMMENT ON TABLE sungrow_battery_hourly IS 'An hour UTC of one battery: temperature, voltage at rest, health as its BMS reports it, and how long it was in which bands.';
COMMENT ON COLUMN sungrow_battery_hourly.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_hourly.bucket IS 'start of the hour, UTC';
COMMENT ON COLUMN sungrow_battery_hourly.covered_s IS 's; how much of the hour its readings stand for';
COMMENT ON COLUMN sungrow_battery_hourly.temp_c_count IS 'readings that have battery_temp_c';
COMMENT ON COLUMN sungrow_battery_hourly.temp_c_sum IS '°C; sum of battery_temp_c';
COMMENT ON COLUMN sungrow_battery_hourly.temp_c_min IS '°C; least battery_temp_c';
COMMENT ON COLUMN sungrow_battery_hourly.temp_c_max IS '°C; greatest battery_temp_c';
COMMENT ON COLUMN sungrow_battery_hourly.rest_v_count IS 'readings with battery_voltage_v and less than 20 W';
COMMENT ON COLUMN sungrow_battery_hourly.rest_v_sum IS 'V; sum of battery_voltage_v of these: the voltage at rest';
COMMENT ON COLUMN sungrow_battery_hourly.soh_pct_count IS 'readings that have battery_soh_pct';
COMMENT ON COLUMN sungrow_battery_hourly.soh_pct_sum IS '%; sum of battery_soh_pct, the health that the BMS reports';
COMMENT ON COLUMN sungrow_battery_hourly.bands IS 'how long it was in which bands, by the means of five minutes; unnest() shows them';

CREATE TABLE sungrow_battery_days (
    device_id text NOT NULL,
    day       date NOT NULL,
    digest    text NOT NULL,
    PRIMARY KEY (device_id, day)
);
COMMENT ON TABLE sungrow_battery_days IS 'What a local day says of the battery, made small: of all these the nightly job "battery" makes its result, so that it reads no old day again.';
COMMENT ON COLUMN sungrow_battery_days.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_days.day IS 'the local day';
COMMENT ON COLUMN sungrow_battery_days.digest IS 'JSON, as server/battery/digest.py writes and reads it; for programs, and may change';

CREATE TABLE sungrow_battery_anchors (
    device_id             text NOT NULL,
    ts                    timestamptz NOT NULL,
    left_ts               timestamptz NOT NULL,
    kind                  text NOT NULL CHECK (kind IN ('full', 'empty', 'reserve')),
    evidence              text NOT NULL,
    soc_before_pct        double precision,
    soc_after_pct         double precision,
    reached_charge_kwh    double precision,
    reached_discharge_kwh double precision,
    left_charge_kwh       double precision,
    left_discharge_kwh    double precision,
    temp_c                double precision,
    PRIMARY KEY (device_id, ts, kind)
);
CREATE INDEX sungrow_battery_anchors_kind ON sungrow_battery_anchors (device_id, kind, ts);
COMMENT ON TABLE sungrow_battery_anchors IS 'When the battery was full or empty by physics, whatever its BMS believes; and when it stopped at its reserve.';
COMMENT ON COLUMN sungrow_battery_anchors.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_anchors.ts IS 'when it was reached';
COMMENT ON COLUMN sungrow_battery_anchors.left_ts IS 'when it was left';
COMMENT ON COLUMN sungrow_battery_anchors.kind IS 'full, empty, or reserve (not physical: discharging ended at the least charge that is allowed)';
COMMENT ON COLUMN sungrow_battery_anchors.evidence IS 'by what it is known: a word of server/battery/rows.py';
COMMENT ON COLUMN sungrow_battery_anchors.soc_before_pct IS '%; state of charge half an hour before, moved by the energy since';
COMMENT ON COLUMN sungrow_battery_anchors.soc_after_pct IS '%; state of charge once it was reached';
COMMENT ON COLUMN sungrow_battery_anchors.reached_charge_kwh IS 'kWh; charged, lifetime, when it was reached';
COMMENT ON COLUMN sungrow_battery_anchors.reached_discharge_kwh IS 'kWh; discharged, lifetime, when it was reached';
COMMENT ON COLUMN sungrow_battery_anchors.left_charge_kwh IS 'kWh; charged, lifetime, when it was left';
COMMENT ON COLUMN sungrow_battery_anchors.left_discharge_kwh IS 'kWh; discharged, lifetime, when it was left';
COMMENT ON COLUMN sungrow_battery_anchors.temp_c IS '°C; mean of that hour';

CREATE TABLE sungrow_battery_windows (
    device_id     text NOT NULL,
    from_ts       timestamptz NOT NULL,
    to_ts         timestamptz NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('full_empty', 'empty_full', 'full_full')),
    epoch         integer NOT NULL,
    charge_kwh    double precision NOT NULL,
    discharge_kwh double precision NOT NULL,
    capacity_kwh  double precision,
    temp_c        double precision,
    mean_c_rate   double precision,
    PRIMARY KEY (device_id, from_ts, kind)
);
COMMENT ON TABLE sungrow_battery_windows IS 'From one anchor to the next: by these capacity, efficiency and standby are measured.';
COMMENT ON COLUMN sungrow_battery_windows.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_windows.from_ts IS 'when the first anchor was left';
COMMENT ON COLUMN sungrow_battery_windows.to_ts IS 'when the next one was reached';
COMMENT ON COLUMN sungrow_battery_windows.kind IS 'full_empty and empty_full measure the capacity, full_full efficiency and standby';
COMMENT ON COLUMN sungrow_battery_windows.epoch IS 'counts the batteries: from 0 on, one more where it was extended or replaced';
COMMENT ON COLUMN sungrow_battery_windows.charge_kwh IS 'kWh; charged between, by the lifetime counter';
COMMENT ON COLUMN sungrow_battery_windows.discharge_kwh IS 'kWh; discharged between, by the lifetime counter';
COMMENT ON COLUMN sungrow_battery_windows.capacity_kwh IS 'kWh; what the battery holds, by this window; null for full_full';
COMMENT ON COLUMN sungrow_battery_windows.temp_c IS '°C; mean over the window';
COMMENT ON COLUMN sungrow_battery_windows.mean_c_rate IS 'mean power of the direction that counts, by the nominal capacity, 1/h';

CREATE TABLE sungrow_battery_results (
    device_id           text PRIMARY KEY,
    computed_at         timestamptz NOT NULL DEFAULT now(),
    result              jsonb NOT NULL,
    whatif              jsonb NOT NULL,
    may_charge_seen     boolean NOT NULL,
    may_discharge_seen  boolean NOT NULL
);
COMMENT ON TABLE sungrow_battery_results IS 'What the last night found out of each battery; /v1/battery answers by it.';
COMMENT ON COLUMN sungrow_battery_results.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_results.computed_at IS 'when';
COMMENT ON COLUMN sungrow_battery_results.result IS 'as /v1/battery has it: figures, capacity_by_year, depth, exposure, insights, warranty and more';
COMMENT ON COLUMN sungrow_battery_results.whatif IS 'as /v1/battery/whatif has it: for each capacity in kWh, what it would have imported and exported';
COMMENT ON COLUMN sungrow_battery_results.may_charge_seen IS 'whether the BMS was ever seen to allow charging: one that answers 0 to everything does not say that it forbids it';
COMMENT ON COLUMN sungrow_battery_results.may_discharge_seen IS 'the same of discharging';

CREATE TABLE sungrow_battery_settings (
    device_id             text PRIMARY KEY,
    capacity_kwh          double precision CHECK (capacity_kwh > 0),
    min_soc_pct           double precision CHECK (min_soc_pct BETWEEN 0 AND 100),
    cells                 integer CHECK (cells > 0),
    installed             date,
    modules               integer CHECK (modules > 0),
    warranty_years        double precision CHECK (warranty_years > 0),
    warranty_mwh          double precision CHECK (warranty_mwh > 0),
    warranty_capacity_pct double precision CHECK (warranty_capacity_pct BETWEEN 0 AND 100),
    warranty_t_min_c      double precision,
    warranty_t_max_c      double precision CHECK (warranty_t_max_c > warranty_t_min_c),
    changed_at            timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sungrow_battery_settings IS 'What only the owner of a battery knows of it; by server.battery set.';
COMMENT ON COLUMN sungrow_battery_settings.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_settings.capacity_kwh IS 'kWh; nominal capacity, in place of what the inverter says';
COMMENT ON COLUMN sungrow_battery_settings.min_soc_pct IS '%; state of charge at which it stops discharging';
COMMENT ON COLUMN sungrow_battery_settings.cells IS 'cells in series';
COMMENT ON COLUMN sungrow_battery_settings.installed IS 'the day on which it was installed';
COMMENT ON COLUMN sungrow_battery_settings.modules IS 'how many modules it has';
COMMENT ON COLUMN sungrow_battery_settings.warranty_years IS 'years; from that day on';
COMMENT ON COLUMN sungrow_battery_settings.warranty_mwh IS 'MWh; that the warranty allows to be discharged';
COMMENT ON COLUMN sungrow_battery_settings.warranty_capacity_pct IS '%; of the nominal capacity, that is warranted';
COMMENT ON COLUMN sungrow_battery_settings.warranty_t_min_c IS '°C; least temperature that the warranty allows';
COMMENT ON COLUMN sungrow_battery_settings.warranty_t_max_c IS '°C; greatest temperature that the warranty allows';
COMMENT ON COLUMN sungrow_battery_settings.changed_at IS 'when one of these was last set';
