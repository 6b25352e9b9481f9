-- The grid (P1) meter of the house: a second source of the same device. Its readings are stored and rolled up as
-- the samples are (functions/p1_rollup.sql); the energies of quarter hours and days are computed from the rollups
-- when they are asked for (functions/p1_quarter.sql, functions/p1_daily_energy.sql).

-- The first six columns are those of P1-Edge-VPS. Voltages and currents move in few steps: see 0002_samples.sql.
-- Whoever adds a column: at the end, and in server/p1/samples.py.
CREATE TABLE p1_samples (
    device_id         text NOT NULL,
    ts                timestamptz NOT NULL,
    power_w           double precision,
    import_power_w    double precision,
    energy_import_kwh double precision,
    energy_export_kwh double precision,
    import_t1_kwh     double precision,
    import_t2_kwh     double precision,
    export_t1_kwh     double precision,
    export_t2_kwh     double precision,
    tariff            integer,
    power_l1_w        double precision,
    voltage_l1_v      sungrow_steps,
    current_l1_a      sungrow_steps,
    power_l2_w        double precision,
    voltage_l2_v      sungrow_steps,
    current_l2_a      sungrow_steps,
    power_l3_w        double precision,
    voltage_l3_v      sungrow_steps,
    current_l3_a      sungrow_steps,
    demand_w          double precision,
    month_peak_w      double precision,
    gas_m3            double precision,
    water_m3          double precision,
    seq               bigint,
    ts_src            smallint,
    meter_id          text,
    boot              text,
    meter_ts          timestamptz,
    month_peak_ts     timestamptz,
    gas_ts            timestamptz,
    water_ts          timestamptz,
    extra             jsonb,
    received_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, ts)
);
COMMENT ON TABLE p1_samples IS 'One row a reading of the grid (P1) meter. What the meter does not tell is null.';
COMMENT ON COLUMN p1_samples.device_id IS 'which house; its token says so';
COMMENT ON COLUMN p1_samples.ts IS 'when the reading arrived whole, by the edge''s clock, UTC, microseconds';
COMMENT ON COLUMN p1_samples.power_w IS 'W; net of the phases; positive = importing';
COMMENT ON COLUMN p1_samples.import_power_w IS 'W; what of power_w is imported; else 0';
COMMENT ON COLUMN p1_samples.energy_import_kwh IS 'kWh; imported, lifetime, all tariffs';
COMMENT ON COLUMN p1_samples.energy_export_kwh IS 'kWh; exported, lifetime, all tariffs';
COMMENT ON COLUMN p1_samples.import_t1_kwh IS 'kWh; register 1.8.1: NL the low tariff, BE the day''s';
COMMENT ON COLUMN p1_samples.import_t2_kwh IS 'kWh; register 1.8.2: NL the normal tariff, BE the night''s';
COMMENT ON COLUMN p1_samples.export_t1_kwh IS 'kWh; register 2.8.1, as import_t1_kwh';
COMMENT ON COLUMN p1_samples.export_t2_kwh IS 'kWh; register 2.8.2, as import_t2_kwh';
COMMENT ON COLUMN p1_samples.tariff IS 'code; the tariff that counts now: 1 or 2';
COMMENT ON COLUMN p1_samples.power_l1_w IS 'W; phase L1; positive = importing';
COMMENT ON COLUMN p1_samples.voltage_l1_v IS 'V; voltage of phase L1';
COMMENT ON COLUMN p1_samples.current_l1_a IS 'A; current of phase L1';
COMMENT ON COLUMN p1_samples.power_l2_w IS 'W; phase L2; positive = importing';
COMMENT ON COLUMN p1_samples.voltage_l2_v IS 'V; voltage of phase L2';
COMMENT ON COLUMN p1_samples.current_l2_a IS 'A; current of phase L2';
COMMENT ON COLUMN p1_samples.power_l3_w IS 'W; phase L3; positive = importing';
COMMENT ON COLUMN p1_samples.voltage_l3_v IS 'V; voltage of phase L3';
COMMENT ON COLUMN p1_samples.current_l3_a IS 'A; current of phase L3';
COMMENT ON COLUMN p1_samples.demand_w IS 'W; mean import of the running quarter hour, register 1.4.0';
COMMENT ON COLUMN p1_samples.month_peak_w IS 'W; highest quarter of this month, register 1.6.0';
COMMENT ON COLUMN p1_samples.gas_m3 IS 'm³; gas, lifetime';
COMMENT ON COLUMN p1_samples.water_m3 IS 'm³; water, lifetime';
COMMENT ON COLUMN p1_samples.seq IS 'counts the polls of a boot';
COMMENT ON COLUMN p1_samples.ts_src IS 'code; 0 clock synchronised, 1 corrected within the boot, 2 never sent, 3 estimated';
COMMENT ON COLUMN p1_samples.meter_id IS 'the meter''s own number';
COMMENT ON COLUMN p1_samples.boot IS 'one value a boot of the edge';
COMMENT ON COLUMN p1_samples.meter_ts IS 'the meter''s own clock, which may be years off';
COMMENT ON COLUMN p1_samples.month_peak_ts IS 'end of the quarter hour of month_peak_w';
COMMENT ON COLUMN p1_samples.gas_ts IS 'when the gas meter was read';
COMMENT ON COLUMN p1_samples.water_ts IS 'when the water meter was read';
COMMENT ON COLUMN p1_samples.extra IS 'fields that an edge newer than this server sent';
COMMENT ON COLUMN p1_samples.received_at IS 'when the server stored the row';

-- One of the meter's counters at one moment. Ordered by ts, so that least() and greatest() give the first and the
-- last of a bucket whatever the order in which rows arrive.
CREATE TYPE p1_counter AS (
    ts       timestamptz,
    total    double precision,
    meter_id text
);
COMMENT ON TYPE p1_counter IS 'One counter of a grid meter at one moment; ordered by ts. A total is kWh, or m³ of gas or water.';

-- What five minutes, or a day, tell of one counter: enough to find a boundary reading that cannot be one.
CREATE TYPE p1_piece AS (
    starts    timestamptz,
    ends      timestamptz,
    first     p1_counter,
    last      p1_counter,
    least     double precision,
    greatest  double precision,
    odd_steps bigint
);
COMMENT ON TYPE p1_piece IS 'One counter of a grid meter in one row of p1_5min or p1_local_daily.';

-- A reading stands for the time since the one before, at most 60 seconds. So a reading that comes late shortens
-- what the next one stands for, which may be in another bucket; whoever stores readings holds the device's lock
-- alone.
CREATE TABLE p1_5min (
    device_id            text NOT NULL,
    bucket               timestamptz NOT NULL,
    sample_count         bigint NOT NULL,
    first_ts             timestamptz NOT NULL,
    last_ts              timestamptz NOT NULL,
    covered_s            double precision NOT NULL,
    powered_s            double precision NOT NULL,
    power_w_count        bigint NOT NULL,
    power_w_sum          double precision NOT NULL,
    power_w_min          double precision,
    power_w_max          double precision,
    import_power_w_count bigint NOT NULL,
    import_power_w_sum   double precision NOT NULL,
    import_power_w_max   double precision,
    import_integral_kwh  double precision NOT NULL,
    export_integral_kwh  double precision NOT NULL,
    odd_steps            bigint NOT NULL,
    import_first         p1_counter,
    import_last          p1_counter,
    import_min           double precision,
    import_max           double precision,
    export_first         p1_counter,
    export_last          p1_counter,
    export_min           double precision,
    export_max           double precision,
    gas_first            p1_counter,
    gas_last             p1_counter,
    gas_min              double precision,
    gas_max              double precision,
    water_first          p1_counter,
    water_last           p1_counter,
    water_min            double precision,
    water_max            double precision,
    PRIMARY KEY (device_id, bucket)
);
COMMENT ON TABLE p1_5min IS 'Five minutes UTC of one grid meter: counts, sums, minima and maxima of its readings, and its counters at both ends.';
COMMENT ON COLUMN p1_5min.device_id IS 'which house';
COMMENT ON COLUMN p1_5min.bucket IS 'start of the five minutes, UTC';
COMMENT ON COLUMN p1_5min.sample_count IS 'how many readings';
COMMENT ON COLUMN p1_5min.first_ts IS 'of the first reading';
COMMENT ON COLUMN p1_5min.last_ts IS 'of the last reading';
COMMENT ON COLUMN p1_5min.covered_s IS 's; sum over its readings of the time since the one before, each at most 60';
COMMENT ON COLUMN p1_5min.powered_s IS 's; part of covered_s whose readings have a power: the integrals are of it';
COMMENT ON COLUMN p1_5min.power_w_count IS 'readings that have power_w';
COMMENT ON COLUMN p1_5min.power_w_sum IS 'W; sum of power_w; positive = importing';
COMMENT ON COLUMN p1_5min.power_w_min IS 'W; least power_w';
COMMENT ON COLUMN p1_5min.power_w_max IS 'W; greatest power_w';
COMMENT ON COLUMN p1_5min.import_power_w_count IS 'readings that have import_power_w, or power_w in its place';
COMMENT ON COLUMN p1_5min.import_power_w_sum IS 'W; sum of import_power_w; where that is null, of power_w where it is positive';
COMMENT ON COLUMN p1_5min.import_power_w_max IS 'W; greatest of the same';
COMMENT ON COLUMN p1_5min.import_integral_kwh IS 'kWh; imported: power times the time that each reading stands for';
COMMENT ON COLUMN p1_5min.export_integral_kwh IS 'kWh; exported: the same';
COMMENT ON COLUMN p1_5min.odd_steps IS 'readings whose import or export counter is more than a connection carries above that of the reading before, at most 60 seconds earlier, or another meter''s';
COMMENT ON COLUMN p1_5min.import_first IS 'import counter of the first reading that has one: the total, or the sum of both tariffs';
COMMENT ON COLUMN p1_5min.import_last IS 'import counter of the last reading that has one';
COMMENT ON COLUMN p1_5min.import_min IS 'kWh; least import counter';
COMMENT ON COLUMN p1_5min.import_max IS 'kWh; greatest import counter';
COMMENT ON COLUMN p1_5min.export_first IS 'export counter of the first reading that has one: the total, or the sum of both tariffs';
COMMENT ON COLUMN p1_5min.export_last IS 'export counter of the last reading that has one';
COMMENT ON COLUMN p1_5min.export_min IS 'kWh; least export counter';
COMMENT ON COLUMN p1_5min.export_max IS 'kWh; greatest export counter';
COMMENT ON COLUMN p1_5min.gas_first IS 'gas counter of the first reading that has one';
COMMENT ON COLUMN p1_5min.gas_last IS 'gas counter of the last reading that has one';
COMMENT ON COLUMN p1_5min.gas_min IS 'm³; least gas counter';
COMMENT ON COLUMN p1_5min.gas_max IS 'm³; greatest gas counter';
COMMENT ON COLUMN p1_5min.water_first IS 'water counter of the first reading that has one';
COMMENT ON COLUMN p1_5min.water_last IS 'water counter of the last reading that has one';
COMMENT ON COLUMN p1_5min.water_min IS 'm³; least water counter';
COMMENT ON COLUMN p1_5min.water_max IS 'm³; greatest water counter';

-- The same by local day. LIKE copies the column bucket too, which is a date here.
CREATE TABLE p1_local_daily (LIKE p1_5min INCLUDING COMMENTS INCLUDING DEFAULTS);
ALTER TABLE p1_local_daily ALTER COLUMN bucket TYPE date USING bucket::date;
ALTER TABLE p1_local_daily ADD PRIMARY KEY (device_id, bucket);
COMMENT ON TABLE p1_local_daily IS 'One local day of one grid meter, in coalesce(sungrow_devices.timezone, sungrow_site.timezone).';
COMMENT ON COLUMN p1_local_daily.bucket IS 'the local day';

-- A Belgian meter keeps the greatest quarter hour of each of the last thirteen months.
CREATE TABLE p1_month_peaks (
    device_id   text NOT NULL,
    month       timestamptz NOT NULL,
    peak_ts     timestamptz,
    peak_w      double precision NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, month)
);
COMMENT ON TABLE p1_month_peaks IS 'The peaks of past months, as the meter itself tells them (98.1.0); a repeat replaces.';
COMMENT ON COLUMN p1_month_peaks.device_id IS 'which house';
COMMENT ON COLUMN p1_month_peaks.month IS 'the end of the month, by the meter''s clock';
COMMENT ON COLUMN p1_month_peaks.peak_ts IS 'when the peak was, by the meter''s clock';
COMMENT ON COLUMN p1_month_peaks.peak_w IS 'W; mean import of that quarter hour';
COMMENT ON COLUMN p1_month_peaks.received_at IS 'when the server stored it last';

-- The edge polls inverter and meter in loops of their own, each with numbers, counts and gaps of its own.
ALTER TABLE sungrow_seqs ADD COLUMN kind text NOT NULL DEFAULT 'sample' CHECK (kind IN ('sample', 'p1')),
    DROP CONSTRAINT sungrow_seqs_pkey, ADD PRIMARY KEY (device_id, kind, slot, boot);
COMMENT ON COLUMN sungrow_seqs.kind IS 'of what: sample (the inverter), p1 (the grid meter)';
ALTER TABLE sungrow_reports ADD COLUMN kind text NOT NULL DEFAULT 'sample' CHECK (kind IN ('sample', 'p1')),
    DROP CONSTRAINT sungrow_reports_pkey, ADD PRIMARY KEY (device_id, kind, boot, slot);
COMMENT ON COLUMN sungrow_reports.kind IS 'of what: sample (the inverter), p1 (the grid meter)';
ALTER TABLE sungrow_gaps ADD COLUMN kind text NOT NULL DEFAULT 'sample' CHECK (kind IN ('sample', 'p1')),
    DROP CONSTRAINT sungrow_gaps_pkey, ADD PRIMARY KEY (device_id, kind, from_ts, cause);
COMMENT ON COLUMN sungrow_gaps.kind IS 'of what: sample (the inverter), p1 (the grid meter)';
ALTER TABLE sungrow_parked ADD COLUMN kind text NOT NULL DEFAULT 'sample' CHECK (kind IN ('sample', 'p1')),
    DROP CONSTRAINT sungrow_parked_pkey, ADD PRIMARY KEY (device_id, kind, boot, seq);
COMMENT ON COLUMN sungrow_parked.kind IS 'of what: sample (the inverter), p1 (the grid meter)';
DROP INDEX sungrow_seqs_boot, sungrow_reports_slot, sungrow_reports_received, sungrow_parked_time;
CREATE INDEX sungrow_seqs_boot_of_kind ON sungrow_seqs (device_id, kind, boot, slot);
CREATE INDEX sungrow_reports_slot_of_kind ON sungrow_reports (device_id, kind, slot);
CREATE INDEX sungrow_reports_received_of_kind ON sungrow_reports (device_id, kind, received_at);
CREATE INDEX sungrow_parked_time_of_kind ON sungrow_parked (device_id, kind, (coalesce(ts, received_at)));
-- Functions that now say of which kind: functions/sungrow_holes.sql and so on make them with one argument more.
DROP FUNCTION IF EXISTS sungrow_holes(text, timestamptz, timestamptz),
    sungrow_missing(text, timestamptz, timestamptz), sungrow_reported(text),
    sungrow_gap_list(text, timestamptz, timestamptz), sungrow_told_causes(text, timestamptz, timestamptz),
    sungrow_slot_causes(text, tstzmultirange);
