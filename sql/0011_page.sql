-- For the page: what a house is called, which pairing codes are used up, and what a clear day brings.

ALTER TABLE sungrow_devices ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 64);
COMMENT ON COLUMN sungrow_devices.name IS 'what its owner calls it; by server.site';

-- A code pairs one browser, once. The row comes first, so that two at the same time cannot both win.
CREATE TABLE sungrow_pairings (
    code_digest bytea PRIMARY KEY,
    used_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sungrow_pairings IS 'Pairing codes of server.tokens --link that were used.';
COMMENT ON COLUMN sungrow_pairings.code_digest IS 'SHA-256 of the code';
COMMENT ON COLUMN sungrow_pairings.used_at IS 'when';

-- What server.nightly has computed, and of what: functions/sungrow_nightly_days.sql compares.
CREATE TABLE sungrow_nightly (
    job       text NOT NULL,
    device_id text NOT NULL,
    day       date NOT NULL,
    seen      bigint,
    PRIMARY KEY (job, device_id, day)
);
COMMENT ON TABLE sungrow_nightly IS 'The local days of a device that a job of server.nightly has taken account of.';
COMMENT ON COLUMN sungrow_nightly.job IS 'its name';
COMMENT ON COLUMN sungrow_nightly.device_id IS 'which device';
COMMENT ON COLUMN sungrow_nightly.day IS 'local day';
COMMENT ON COLUMN sungrow_nightly.seen IS 'a hash of the day''s rollups as they were; null: to be done again, whatever they are';

CREATE TABLE sungrow_nightly_runs (
    job         text NOT NULL,
    device_id   text NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job, device_id)
);
COMMENT ON TABLE sungrow_nightly_runs IS 'When each job of server.nightly last succeeded.';
COMMENT ON COLUMN sungrow_nightly_runs.job IS 'its name';
COMMENT ON COLUMN sungrow_nightly_runs.device_id IS 'which device';
COMMENT ON COLUMN sungrow_nightly_runs.finished_at IS 'when it last succeeded';

CREATE TABLE sungrow_envelope (
    device_id   text NOT NULL,
    day_of_year smallint NOT NULL CHECK (day_of_year BETWEEN 1 AND 366),
    slot        smallint NOT NULL CHECK (slot BETWEEN 0 AND 287),
    pv_w        double precision,
    n_days      integer NOT NULL,
    PRIMARY KEY (device_id, day_of_year, slot)
);
COMMENT ON TABLE sungrow_envelope IS 'What the panels bring on a clear day, by the house''s own history: the 95th percentile of five minutes, within ten days of that day in all years.';
COMMENT ON COLUMN sungrow_envelope.device_id IS 'which device';
COMMENT ON COLUMN sungrow_envelope.day_of_year IS '1 to 366, UTC';
COMMENT ON COLUMN sungrow_envelope.slot IS 'which five minutes of that day, 0 to 287, UTC';
COMMENT ON COLUMN sungrow_envelope.pv_w IS 'W; 95th percentile of the means; null: fewer than ten days have readings for nine tenths of the five minutes';
COMMENT ON COLUMN sungrow_envelope.n_days IS 'how many days have';

-- functions/sungrow_house_sums.sql makes it with one argument more.
DROP FUNCTION IF EXISTS sungrow_house_sums(text, sungrow_house_sample[], double precision, timestamptz[], double precision[]);

-- functions/sungrow_daily_energy.sql shares a step out by itself.
DROP FUNCTION IF EXISTS sungrow_spread(timestamptz, timestamptz, date, date, double precision, text);
