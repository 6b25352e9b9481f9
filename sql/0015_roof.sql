-- The roof: each string of panels for itself, and where the shade falls.

-- What each string gives, kept by a trigger (functions/sungrow_strings_of_samples.sql) in the transaction that stores
-- the samples, as sungrow_5min is. A house of whose strings nothing was ever read has no row here.
CREATE TABLE sungrow_strings_5min (
    device_id    text NOT NULL,
    bucket       timestamptz NOT NULL,
    string       smallint NOT NULL,
    u_sum        double precision NOT NULL,
    i_sum        double precision NOT NULL,
    p_sum        double precision NOT NULL,
    p_max        double precision NOT NULL,
    integral_kwh double precision NOT NULL,
    n            integer NOT NULL,
    limited_n    integer NOT NULL,
    PRIMARY KEY (device_id, bucket, string)
);
COMMENT ON TABLE sungrow_strings_5min IS 'Five minutes UTC of one string of panels (an MPPT input of the inverter); nothing where it was not read.';
COMMENT ON COLUMN sungrow_strings_5min.device_id IS 'which device';
COMMENT ON COLUMN sungrow_strings_5min.bucket IS 'start of the five minutes, UTC';
COMMENT ON COLUMN sungrow_strings_5min.string IS 'which string: 1 to 4, as the inverter numbers its inputs';
COMMENT ON COLUMN sungrow_strings_5min.u_sum IS 'V; sum of its voltage';
COMMENT ON COLUMN sungrow_strings_5min.i_sum IS 'A; sum of its current';
COMMENT ON COLUMN sungrow_strings_5min.p_sum IS 'W; sum of its power: pv_power_w of the sample, shared out by voltage times current of the strings';
COMMENT ON COLUMN sungrow_strings_5min.p_max IS 'W; greatest power of a sample';
COMMENT ON COLUMN sungrow_strings_5min.integral_kwh IS 'kWh; its power times interval_s, summed';
COMMENT ON COLUMN sungrow_strings_5min.n IS 'samples of which both voltage and current of this string are known; all sums are of these';
COMMENT ON COLUMN sungrow_strings_5min.limited_n IS 'those of them in which the inverter held back by itself: derating, power limited by command, or at least 98.5 % of its nominal AC power';

-- What was stored before this table was: as the trigger makes it of what comes, which waits until this is done. Week by
-- week, so that no sort of years needs the disk.
LOCK TABLE sungrow_samples IN SHARE ROW EXCLUSIVE MODE;
CREATE FUNCTION pg_temp.string_va(u double precision, i double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN u BETWEEN 0 AND 1500 AND i BETWEEN -1000 AND 1000
                THEN CASE WHEN u > 1e-2 AND i > 1e-3 THEN u * i ELSE 0 END END
$$;
DO $$
#variable_conflict use_column
DECLARE
    house record;
    week  timestamptz;
BEGIN
    FOR house IN SELECT device_id, min(ts) AS first, max(ts) AS last
                   FROM sungrow_samples WHERE isfinite(ts) GROUP BY device_id LOOP
        FOR week IN SELECT generate_series(date_bin('7 days', house.first, '2000-01-01 00:00Z'), house.last, '7 days') LOOP
            INSERT INTO sungrow_strings_5min (device_id, bucket, string, u_sum, i_sum, p_sum, p_max, integral_kwh, n, limited_n)
            SELECT device_id, bucket, string, sum(u), sum(i), sum(p), max(p), sum(p * hours) / 1000, count(*),
                   count(*) FILTER (WHERE is_limited)
              FROM (SELECT device_id, bucket, string, hours, is_limited,
                           CASE string WHEN 1 THEN u1 WHEN 2 THEN u2 WHEN 3 THEN u3 ELSE u4 END AS u,
                           CASE string WHEN 1 THEN i1 WHEN 2 THEN i2 WHEN 3 THEN i3 ELSE i4 END AS i,
                           coalesce(pv_w * (CASE string WHEN 1 THEN va1 WHEN 2 THEN va2 WHEN 3 THEN va3 ELSE va4 END / nullif(
                               coalesce(va1, 0) + coalesce(va2, 0) + coalesce(va3, 0) + coalesce(va4, 0), 0)), 0) AS p
                      FROM (SELECT device_id, date_bin('5 minutes', ts, '2000-01-01 00:00Z') AS bucket,
                                   CASE WHEN pv_power_w > 1e-3 THEN pv_power_w ELSE 0 END AS pv_w, interval_s / 3600 AS hours,
                                   mppt1_voltage_v AS u1, mppt1_current_a AS i1, mppt2_voltage_v AS u2, mppt2_current_a AS i2,
                                   mppt3_voltage_v AS u3, mppt3_current_a AS i3, mppt4_voltage_v AS u4, mppt4_current_a AS i4,
                                   pg_temp.string_va(mppt1_voltage_v, mppt1_current_a) AS va1,
                                   pg_temp.string_va(mppt2_voltage_v, mppt2_current_a) AS va2,
                                   pg_temp.string_va(mppt3_voltage_v, mppt3_current_a) AS va3,
                                   pg_temp.string_va(mppt4_voltage_v, mppt4_current_a) AS va4,
                                   running_state IN (33024, 33280, 128)
                                       OR inverter_power_w >= 0.985 * nullif(nominal_power_w, 0) AS is_limited
                              FROM sungrow_samples LEFT JOIN sungrow_devices USING (device_id)
                             WHERE device_id = house.device_id AND ts >= week AND ts < week + interval '7 days' OFFSET 0) AS sample
                      JOIN (VALUES (1::smallint), (2), (3), (4)) AS input (string)
                        ON CASE string WHEN 1 THEN va1 WHEN 2 THEN va2 WHEN 3 THEN va3 ELSE va4 END IS NOT NULL
                    OFFSET 0) AS of_string
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
        END LOOP;
    END LOOP;
END
$$;
DROP FUNCTION pg_temp.string_va(double precision, double precision);

-- What only the owner of a house knows of its roof; by server.site set.
CREATE TABLE sungrow_sites (
    device_id      text PRIMARY KEY,
    latitude       double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude      double precision CHECK (longitude BETWEEN -180 AND 180),
    export_limit_w double precision CHECK (export_limit_w >= 0),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((latitude IS NULL) = (longitude IS NULL))
);
COMMENT ON TABLE sungrow_sites IS 'Where a house is and what it may export, as its owner says; by server.site set.';
COMMENT ON COLUMN sungrow_sites.device_id IS 'which house';
COMMENT ON COLUMN sungrow_sites.latitude IS 'degrees; north is positive';
COMMENT ON COLUMN sungrow_sites.longitude IS 'degrees; east is positive';
COMMENT ON COLUMN sungrow_sites.export_limit_w IS 'W; most that it may export; 0: nothing; null: no limit is known';
COMMENT ON COLUMN sungrow_sites.changed_at IS 'when this was last changed, its strings included';

CREATE TABLE sungrow_site_strings (
    device_id   text NOT NULL,
    string      smallint NOT NULL CHECK (string BETWEEN 1 AND 4),
    tilt_deg    double precision NOT NULL CHECK (tilt_deg BETWEEN 0 AND 90),
    azimuth_deg double precision NOT NULL CHECK (azimuth_deg >= 0 AND azimuth_deg < 360),
    kwp         double precision CHECK (kwp > 0),
    name        text,
    PRIMARY KEY (device_id, string)
);
COMMENT ON TABLE sungrow_site_strings IS 'How the panels of each string are mounted, as their owner says; by server.site set.';
COMMENT ON COLUMN sungrow_site_strings.device_id IS 'which house';
COMMENT ON COLUMN sungrow_site_strings.string IS 'which string: 1 to 4, as the inverter numbers its inputs';
COMMENT ON COLUMN sungrow_site_strings.tilt_deg IS 'degrees; 0 is flat, 90 upright';
COMMENT ON COLUMN sungrow_site_strings.azimuth_deg IS 'degrees from north, clockwise: 90 looks east, 180 south, 270 west';
COMMENT ON COLUMN sungrow_site_strings.kwp IS 'kW; peak power of its panels; null: not set';
COMMENT ON COLUMN sungrow_site_strings.name IS 'what the page calls it; null: by its number';

-- What follows the nightly job "roof" (server/nightly) writes.
CREATE TABLE sungrow_string_limits (
    device_id text NOT NULL,
    bucket    timestamptz NOT NULL,
    string    smallint NOT NULL,
    cause     text NOT NULL CHECK (cause IN ('clipping', 'derating', 'dispatch', 'export_limit', 'full_battery', 'voltage')),
    lost_w    double precision,
    PRIMARY KEY (device_id, bucket, string, cause)
);
COMMENT ON TABLE sungrow_string_limits IS 'Five minutes in which a string could have given more: they tell nothing about shade.';
COMMENT ON COLUMN sungrow_string_limits.device_id IS 'which device';
COMMENT ON COLUMN sungrow_string_limits.bucket IS 'start of the five minutes, UTC';
COMMENT ON COLUMN sungrow_string_limits.string IS 'which string';
COMMENT ON COLUMN sungrow_string_limits.cause IS 'why: clipping, derating, dispatch, export_limit, full_battery, or voltage (kept well above its usual one, whatever the cause)';
COMMENT ON COLUMN sungrow_string_limits.lost_w IS 'W; how much more it would have given; null: not known';

CREATE TABLE sungrow_roof_days (
    device_id text NOT NULL,
    day       date NOT NULL,
    digest    text NOT NULL,
    PRIMARY KEY (device_id, day)
);
COMMENT ON TABLE sungrow_roof_days IS 'What a local day says of the roof, made small: of all these the nightly job "roof" makes its result, so that it reads no old day again.';
COMMENT ON COLUMN sungrow_roof_days.device_id IS 'which device';
COMMENT ON COLUMN sungrow_roof_days.day IS 'the local day';
COMMENT ON COLUMN sungrow_roof_days.digest IS 'JSON, as server/roof/digest.py writes and reads it; for programs, and may change';

CREATE TABLE sungrow_shade_bins (
    device_id     text NOT NULL,
    string        smallint NOT NULL,
    period        text NOT NULL CHECK (period IN ('all', 'last60', 'last60_before')),
    azimuth_deg   double precision NOT NULL,
    elevation_deg double precision NOT NULL,
    n             integer NOT NULL,
    days          integer NOT NULL,
    performance   double precision,
    contrast      double precision,
    state         text NOT NULL CHECK (state IN ('clear', 'partly', 'shaded', 'too_few')),
    last_seen     date,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, string, period, azimuth_deg, elevation_deg)
);
COMMENT ON TABLE sungrow_shade_bins IS 'The shade map of each string: what it gives while the sun is in a bin of 5 degrees of azimuth and 2.5 of elevation. A bin in which it was never seen has no row.';
COMMENT ON COLUMN sungrow_shade_bins.device_id IS 'which device';
COMMENT ON COLUMN sungrow_shade_bins.string IS 'which string';
COMMENT ON COLUMN sungrow_shade_bins.period IS 'all; last60: the last 60 days; last60_before: the same days a year before';
COMMENT ON COLUMN sungrow_shade_bins.azimuth_deg IS 'degrees; lower edge of the bin, from north clockwise';
COMMENT ON COLUMN sungrow_shade_bins.elevation_deg IS 'degrees; lower edge of the bin, above the horizon';
COMMENT ON COLUMN sungrow_shade_bins.n IS 'five minutes that count: the sun was in the bin, and nothing held the string back';
COMMENT ON COLUMN sungrow_shade_bins.days IS 'days on which these are';
COMMENT ON COLUMN sungrow_shade_bins.performance IS 'what it gives there of what a clear sky would let it, by what it gives where it is best; 1: as much; null: too few five minutes';
COMMENT ON COLUMN sungrow_shade_bins.contrast IS 'performance under a clear sky by that under clouds: low where something takes the beam, about 1 where dirt takes both; null: not enough of either';
COMMENT ON COLUMN sungrow_shade_bins.state IS 'clear, partly (shaded), shaded, or too_few (five minutes to tell)';
COMMENT ON COLUMN sungrow_shade_bins.last_seen IS 'the last local day on which the sun was there';
COMMENT ON COLUMN sungrow_shade_bins.updated_at IS 'when it was computed';

CREATE TABLE sungrow_roof_results (
    device_id   text PRIMARY KEY,
    computed_at timestamptz NOT NULL DEFAULT now(),
    result      jsonb NOT NULL
);
COMMENT ON TABLE sungrow_roof_results IS 'What the last night found out of each roof; /v1/roof answers by it.';
COMMENT ON COLUMN sungrow_roof_results.device_id IS 'which device';
COMMENT ON COLUMN sungrow_roof_results.computed_at IS 'when';
COMMENT ON COLUMN sungrow_roof_results.result IS 'as /v1/roof has it: place, days, strings, share by day, losses by month, events';
