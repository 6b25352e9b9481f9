-- Energy from the inverter's lifetime counters, which go on counting while nobody polls: computed when
-- it is asked for, from the counters that the rollups keep, so that nothing here can be out of date.
--
-- A counter may read 0 for once, fall, jump by 2^16 or 2^32, stand still, or be that of another
-- inverter. So energy is the sum of steps between readings of a counter, and only of plausible ones.
-- A reading that does not fit between two that fit each other is left out, and nothing is lost by
-- that. What stays implausible counts nothing, and its days are called estimated.
--
-- Days are judged by their first and last reading. Only where something is doubtful the five-minute
-- rows are read: ten years are some 3,650 rows, not a million.

-- Which inverter stood behind a device, and from when on: a step from one to the next is no energy.
CREATE TABLE sungrow_inverters (
    device_id text NOT NULL,
    since     timestamptz NOT NULL,
    serial    text NOT NULL,
    PRIMARY KEY (device_id, since)
);
COMMENT ON TABLE sungrow_inverters IS 'The serials that a device has had; another one means that the inverter was replaced.';
COMMENT ON COLUMN sungrow_inverters.since IS 'first reading of it; -infinity: the first that is known';
INSERT INTO sungrow_inverters (device_id, since, serial)
SELECT device_id, '-infinity', serial FROM sungrow_devices WHERE serial IS NOT NULL;

-- Called with each report of a device's facts. Another serial than the last one tells of another
-- inverter: since the edge's first reading of it or, where the edge does not say, since the newest
-- reading that is stored.
CREATE FUNCTION sungrow_note_inverter(of_device text, serial text, since timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sungrow_inverters AS i (device_id, since, serial)
    SELECT $1, CASE WHEN known IS NULL THEN '-infinity'
                    ELSE coalesce($3, newest + interval '1 microsecond', now()) END, $2
      FROM (SELECT (SELECT i.serial FROM sungrow_inverters AS i
                     WHERE device_id = $1 ORDER BY i.since DESC LIMIT 1) AS known,
                   (SELECT last_ts FROM sungrow_local_daily
                     WHERE device_id = $1 ORDER BY bucket DESC LIMIT 1) AS newest) AS before
     WHERE $2 <> coalesce(known, '')
    ON CONFLICT (device_id, since) DO UPDATE SET serial = excluded.serial
$$;

-- The five counters are handled by one text each: as the elements of arrays in this order.
CREATE FUNCTION sungrow_kwh(sungrow_counters) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[($1).pv_total_kwh, ($1).total_import_kwh, ($1).total_export_kwh,
                 ($1).battery_total_charge_kwh, ($1).battery_total_discharge_kwh]
$$;

-- What each counter can rise by in an hour: three times the inverter's nominal power, where it is
-- known, for panels and battery; else what a sample may carry. The meter sees the whole house.
CREATE FUNCTION sungrow_limits_kw(of_device text) RETURNS double precision[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY[own, 400, 400, own, own]
      FROM (SELECT coalesce((SELECT nullif(nominal_power_w, 0) * 3 / 1000 FROM sungrow_devices
                              WHERE device_id = of_device), 200) AS own) AS limits
$$;

-- When another inverter took over.
CREATE FUNCTION sungrow_replaced(of_device text) RETURNS timestamptz[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT since FROM sungrow_inverters
                  WHERE device_id = of_device AND isfinite(since) ORDER BY since)
$$;

-- Whether a counter can have risen so. 0.3 kWh: three of its digits, for the times at which it is
-- written. A year: whoever comes back later begins anew, so that nobody has to search further back.
CREATE FUNCTION sungrow_fits(rise_kwh double precision, in_s double precision, limit_kw double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rise_kwh >= 0 AND rise_kwh <= limit_kw / 3600 * in_s + 0.3 AND in_s <= 366 * 86400
$$;

-- The steps of some counters between two moments, from the five-minute rows: each from one reading to
-- the next that is not left out. A step that is no plausible one (is_break) counts nothing, or, if it
-- is short, what the powers say.
CREATE FUNCTION sungrow_close_steps(
    of_device text, counters int[], first timestamptz, until timestamptz,
    limits_kw double precision[], replaced timestamptz[])
RETURNS TABLE (counter int, from_ts timestamptz, to_ts timestamptz, kwh double precision, is_break boolean)
LANGUAGE sql STABLE AS $$
    WITH five_minutes AS MATERIALIZED (
        SELECT bucket, (counters_first).ts AS first_ts, sungrow_kwh(counters_first) AS first_kwh,
               (counters_last).ts AS last_ts, sungrow_kwh(counters_last) AS last_kwh,
               ARRAY[pv_integral_kwh, import_integral_kwh, export_integral_kwh,
                     battery_charge_integral_kwh, battery_discharge_integral_kwh] AS integral_kwh,
               covered_s
          FROM sungrow_5min
         WHERE device_id = of_device AND bucket > first - interval '5 minutes' AND bucket <= until
    ), reading AS (
        SELECT counter, ts, date_part('epoch', ts) AS at_s, total_kwh,
               integral_kwh[counter] / covered_s AS mean_kwh_a_s,
               width_bucket(ts, replaced) AS inverter, limits_kw[counter] AS limit_kw
          FROM five_minutes CROSS JOIN unnest(counters) AS counter
         CROSS JOIN LATERAL (
               SELECT first_ts AS ts, first_kwh[counter] AS total_kwh
               UNION ALL SELECT last_ts, last_kwh[counter] WHERE last_ts > first_ts) AS ends
         WHERE total_kwh IS NOT NULL AND ts >= first AND ts <= until
    ), beside AS (
        SELECT *, lag(at_s) OVER w AS s_before, lag(total_kwh) OVER w AS kwh_before,
               lag(inverter) OVER w AS inverter_before, lead(at_s) OVER w AS s_after,
               lead(total_kwh) OVER w AS kwh_after, lead(inverter) OVER w AS inverter_after
          FROM reading WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), kept AS (
        SELECT counter, ts, at_s, total_kwh, mean_kwh_a_s, inverter, limit_kw FROM beside
         WHERE (inverter_before = inverter_after
                AND sungrow_fits(kwh_after - kwh_before, s_after - s_before, limit_kw)
                AND NOT (inverter = inverter_before
                         AND sungrow_fits(total_kwh - kwh_before, at_s - s_before, limit_kw)
                         AND sungrow_fits(kwh_after - total_kwh, s_after - at_s, limit_kw))
               ) IS NOT TRUE
    ), step AS (
        SELECT counter, lag(ts) OVER w AS from_ts, ts AS to_ts, at_s - lag(at_s) OVER w AS in_s,
               total_kwh - lag(total_kwh) OVER w AS rise_kwh, inverter = lag(inverter) OVER w AS is_same,
               limit_kw, mean_kwh_a_s
          FROM kept WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), judged AS (
        SELECT *, is_same AND sungrow_fits(rise_kwh, in_s, limit_kw) AS fits FROM step
         WHERE from_ts IS NOT NULL
    )
    SELECT counter, from_ts, to_ts,
           CASE WHEN fits THEN rise_kwh WHEN in_s <= 600 THEN mean_kwh_a_s * in_s ELSE 0 END, NOT fits
      FROM judged
$$;

-- A counter's days, numbered, each by its first and last reading, and the step to it from the day
-- before that has one. is_doubtful: the five-minute rows have to tell.
CREATE FUNCTION sungrow_counter_days(
    of_device text, low date, high date, limits_kw double precision[], replaced timestamptz[])
RETURNS TABLE (counter int, number bigint, day date, rise_kwh double precision,
               from_day date, step_kwh double precision, from_ts timestamptz, first_ts timestamptz,
               last_ts timestamptz, until_ts timestamptz, is_doubtful boolean)
LANGUAGE sql STABLE AS $$
    WITH day AS MATERIALIZED (
        SELECT bucket, (counters_first).ts AS first_ts, sungrow_kwh(counters_first) AS first_kwh,
               (counters_last).ts AS last_ts, sungrow_kwh(counters_last) AS last_kwh,
               date_part('epoch', (counters_first).ts) AS first_s,
               date_part('epoch', (counters_last).ts) AS last_s,
               width_bucket((counters_first).ts, replaced) AS first_inverter,
               width_bucket((counters_last).ts, replaced) AS last_inverter,
               ARRAY[pv_integral_kwh, import_integral_kwh, export_integral_kwh,
                     battery_charge_integral_kwh, battery_discharge_integral_kwh] AS integral_kwh,
               covered_s AS known_s,
               covered_s * battery_power_w_count / sample_count AS battery_known_s
          FROM sungrow_local_daily
         WHERE device_id = of_device AND bucket >= low AND bucket < high
           AND (counters_first).ts IS NOT NULL
    ), counted AS ( -- OFFSET 0: rows without the arrays are sorted in memory
        SELECT counter, bucket, first_ts, last_ts, first_s, last_s, first_inverter, last_inverter,
               first_kwh[counter] AS first_kwh, last_kwh[counter] AS last_kwh,
               integral_kwh[counter] AS integral_kwh, limits_kw[counter] AS limit_kw,
               CASE WHEN counter > 3 THEN battery_known_s ELSE known_s END AS known_s
          FROM day CROSS JOIN generate_series(1, 5) AS counter
         WHERE coalesce(first_kwh[counter], last_kwh[counter]) IS NOT NULL OFFSET 0
    ), beside AS (
        SELECT *, row_number() OVER w AS number, lag(bucket) OVER w AS from_day,
               lag(last_ts) OVER w AS from_ts, lag(last_s) OVER w AS from_s,
               lag(last_kwh) OVER w AS from_kwh,
               lag(last_inverter) OVER w AS from_inverter,
               lag((last_kwh - first_kwh) / nullif(integral_kwh, 0)) OVER w AS usual,
               lead(first_ts) OVER w AS until_ts, lead(first_s) OVER w AS until_s,
               lead(first_kwh) OVER w AS until_kwh,
               lead(first_inverter) OVER w AS until_inverter
          FROM counted WINDOW w AS (PARTITION BY counter ORDER BY bucket)
    )
    SELECT counter, number, bucket, last_kwh - first_kwh, from_day, first_kwh - from_kwh, from_ts,
           first_ts, last_ts, until_ts,
           (first_inverter = last_inverter
            AND sungrow_fits(last_kwh - first_kwh, last_s - first_s, limit_kw)
            -- Some meters are some percent off every day, which is no doubt: hence usual.
            AND last_kwh - first_kwh
                >= integral_kwh * 0.97 * greatest(0.85, coalesce(least(1, usual), 1)) - 0.2
            AND last_kwh - first_kwh <= integral_kwh * 3 + 5 + limit_kw / 3600
                * greatest(last_s - first_s - known_s, 0)
            AND (number = 1 OR (first_inverter = from_inverter
                 AND sungrow_fits(first_kwh - from_kwh, first_s - from_s, limit_kw)))
            AND (until_ts IS NULL OR (last_inverter = until_inverter
                 AND sungrow_fits(until_kwh - last_kwh, until_s - last_s, limit_kw)))
           ) IS NOT TRUE
      FROM beside
$$;

-- The local days that a step spans, with the share of each by time.
CREATE FUNCTION sungrow_spread(
    from_ts timestamptz, to_ts timestamptz, from_day date, to_day date, kwh double precision, zone text)
RETURNS TABLE (day date, kwh double precision) LANGUAGE sql STABLE AS $$
    SELECT day, kwh * date_part('epoch',
               CASE WHEN day = to_day THEN to_ts ELSE sungrow_midnight(day + 1, zone) END
               - CASE WHEN day = from_day THEN from_ts ELSE sungrow_midnight(day, zone) END)
           / date_part('epoch', to_ts - from_ts)
      FROM (SELECT from_day + number AS day FROM generate_series(0, to_day - from_day) AS number) AS days
$$;

-- Which days have to be read for the energies of some days: whole months, for the share of the loss,
-- and of each counter the two days on either side that have it.
CREATE FUNCTION sungrow_days_around(of_device text, first date, until date, OUT low date, OUT high date)
LANGUAGE sql STABLE AS $$
    SELECT least(date_trunc('month', first::timestamp)::date, min(before.bucket)),
           greatest((date_trunc('month', (until - 1)::timestamp) + interval '1 month')::date,
                    max(after.bucket) + 1)
      FROM generate_series(1, 5) AS counter
      LEFT JOIN LATERAL (
            SELECT bucket FROM sungrow_local_daily
             WHERE device_id = of_device AND bucket < first AND bucket >= first - 366
               AND coalesce((sungrow_kwh(counters_last))[counter],
                            (sungrow_kwh(counters_first))[counter]) IS NOT NULL
             ORDER BY bucket DESC LIMIT 2) AS before ON true
      LEFT JOIN LATERAL (
            SELECT bucket FROM sungrow_local_daily
             WHERE device_id = of_device AND bucket >= until AND bucket < until + 366
               AND coalesce((sungrow_kwh(counters_last))[counter],
                            (sungrow_kwh(counters_first))[counter]) IS NOT NULL
             ORDER BY bucket LIMIT 2) AS after ON true
$$;

-- A counter that says nothing can be taken for the integral where that is small: an export of 0 is
-- not read, and a house that has never exported has no other.
CREATE FUNCTION sungrow_or_little(counter_kwh double precision, integral_kwh double precision,
                                  little_kwh double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN integral_kwh <= little_kwh THEN coalesce(counter_kwh, integral_kwh)
                ELSE counter_kwh END
$$;

-- A counter that stands still, or was served for a part of the day only, is no opinion on a day of
-- which the powers say more.
CREATE FUNCTION sungrow_believed(counter_kwh double precision, integral_kwh double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN integral_kwh > 0.5 AND counter_kwh < integral_kwh / 2 THEN NULL
                ELSE counter_kwh END
$$;

-- The house has no counter. It took what the sources gave and neither battery nor grid received, nor
-- was lost. The loss was measured with a part of the sources (sources_kwh); of the rest (nobody polled)
-- it is taken to be the share that it usually is.
CREATE FUNCTION sungrow_load(
    pv_kwh double precision, import_kwh double precision, export_kwh double precision,
    charge_kwh double precision, discharge_kwh double precision,
    loss_kwh double precision, sources_kwh double precision, loss_share double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pv_kwh + import_kwh + discharge_kwh - export_kwh - charge_kwh
           - loss_kwh - (pv_kwh + import_kwh + discharge_kwh - sources_kwh) * loss_share
$$;

-- Energy of each local day by the counters, in kWh; null: the counter says nothing. The day of first
-- is the first, that of until is not part of it. A day without any reading has a row where the
-- counters show energy. estimated: a counter fell, jumped or was replaced on that day, or a part of
-- its energy is the share by time of a step of more than ten minutes over midnight.
CREATE FUNCTION sungrow_daily_energy(of_device text, first date, until date)
RETURNS TABLE (day date, pv_counter_kwh double precision, import_counter_kwh double precision,
               export_counter_kwh double precision, battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off AS $$ -- compiling takes longer than the whole query
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    limits_kw float8[] := sungrow_limits_kw(of_device);
    replaced timestamptz[] := sungrow_replaced(of_device);
    low date;
    high date;
BEGIN
    SELECT a.low, a.high INTO low, high FROM sungrow_days_around(of_device, first, until) AS a;
    RETURN QUERY
    WITH counter_day AS MATERIALIZED (
        SELECT * FROM sungrow_counter_days(of_device, low, high, limits_kw, replaced)
    ), doubt AS MATERIALIZED ( -- a run: doubtful days that follow each other
        SELECT *, number - row_number() OVER (PARTITION BY counter ORDER BY number) AS run
          FROM counter_day WHERE is_doubtful
    ), close_step AS MATERIALIZED (
        SELECT step.*, (step.from_ts AT TIME ZONE zone)::date AS from_day,
               (step.to_ts AT TIME ZONE zone)::date AS to_day
          FROM (SELECT counter, min(coalesce(from_ts, first_ts)) AS first_ts,
                       max(coalesce(until_ts, last_ts)) AS until_ts
                  FROM doubt GROUP BY counter, run) AS doubt
         CROSS JOIN LATERAL sungrow_close_steps(of_device, ARRAY[doubt.counter], doubt.first_ts,
                                                doubt.until_ts, limits_kw, replaced) AS step
    ), over_midnight AS (
        SELECT counter, from_ts, first_ts AS to_ts, from_day, day AS to_day, step_kwh AS kwh,
               false AS is_break
          FROM counter_day AS c
         WHERE NOT is_doubtful AND (step_kwh > 0 OR day > from_day + 1)
           AND NOT EXISTS (SELECT FROM doubt AS d
                            WHERE d.counter = c.counter AND d.number = c.number - 1)
        UNION ALL
        SELECT counter, from_ts, to_ts, from_day, to_day, kwh, is_break
          FROM close_step WHERE from_day < to_day
    ), part AS (
        SELECT counter, day, rise_kwh AS kwh, false AS estimated
          FROM counter_day WHERE NOT is_doubtful AND last_ts > first_ts
        UNION ALL
        SELECT counter, to_day, kwh, is_break FROM close_step WHERE from_day = to_day
        UNION ALL
        SELECT counter, share.day, share.kwh,
               is_break OR (step.kwh > 0 AND to_ts - from_ts > interval '10 minutes')
          FROM over_midnight AS step
         CROSS JOIN LATERAL sungrow_spread(from_ts, to_ts, from_day, to_day, step.kwh, zone) AS share
    ), energy AS (
        SELECT day, sum(kwh) FILTER (WHERE counter = 1) AS pv_kwh,
               sum(kwh) FILTER (WHERE counter = 2) AS import_kwh,
               sum(kwh) FILTER (WHERE counter = 3) AS export_kwh,
               sum(kwh) FILTER (WHERE counter = 4) AS charge_kwh,
               sum(kwh) FILTER (WHERE counter = 5) AS discharge_kwh,
               bool_or(estimated) AS estimated
          FROM part WHERE day >= first AND day < until GROUP BY day
    ), measured AS MATERIALIZED (
        SELECT bucket AS day, date_trunc('month', bucket::timestamp) AS month, pv_integral_kwh,
               import_integral_kwh, export_integral_kwh, battery_charge_integral_kwh,
               battery_discharge_integral_kwh, loss_kwh,
               solar_to_house_kwh + solar_to_battery_kwh + solar_to_grid_kwh + battery_to_house_kwh
                   + battery_to_grid_kwh + grid_to_house_kwh + grid_to_battery_kwh + loss_kwh
                   AS sources_kwh
          FROM sungrow_local_daily WHERE device_id = of_device AND bucket >= low AND bucket < high
    ), month AS (
        SELECT month, coalesce(sum(loss_kwh) / nullif(sum(sources_kwh), 0), 0) AS loss_share
          FROM measured GROUP BY month
    ), opinion AS (
        SELECT day, sungrow_believed(pv_kwh, pv_integral_kwh) AS pv_kwh, pv_integral_kwh,
               sungrow_believed(import_kwh, import_integral_kwh) AS import_kwh, import_integral_kwh,
               sungrow_believed(export_kwh, export_integral_kwh) AS export_kwh,
               coalesce(export_integral_kwh, 0) AS export_integral_kwh,
               sungrow_believed(charge_kwh, battery_charge_integral_kwh) AS charge_kwh,
               coalesce(battery_charge_integral_kwh, 0) AS charge_integral_kwh,
               sungrow_believed(discharge_kwh, battery_discharge_integral_kwh) AS discharge_kwh,
               coalesce(battery_discharge_integral_kwh, 0) AS discharge_integral_kwh,
               loss_kwh, sources_kwh, estimated,
               coalesce(month, date_trunc('month', day::timestamp)) AS month
          FROM energy FULL JOIN (SELECT * FROM measured WHERE day >= first AND day < until) AS here
         USING (day)
         WHERE month IS NOT NULL
            OR greatest(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
    )
    SELECT day, pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh,
           CASE WHEN num_nonnulls(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
                THEN sungrow_load(sungrow_or_little(pv_kwh, pv_integral_kwh, 0.5),
                                  sungrow_or_little(import_kwh, import_integral_kwh, 0.5),
                                  sungrow_or_little(export_kwh, export_integral_kwh, 0.5),
                                  sungrow_or_little(charge_kwh, charge_integral_kwh, 0.5),
                                  sungrow_or_little(discharge_kwh, discharge_integral_kwh, 0.5),
                                  coalesce(loss_kwh, 0), coalesce(sources_kwh, 0),
                                  coalesce(loss_share, 0)) END,
           coalesce(estimated, false)
      FROM opinion LEFT JOIN month USING (month)
     ORDER BY day;
END
$$;

-- Energy by the counters in each five-minute row that there is: the rise within it, and since the row
-- before where that is at most ten minutes ago. A counter has steps of 0.1 kWh, so this says little of
-- one row, and is exact over many. estimated: a counter fell, jumped or was replaced.
CREATE FUNCTION sungrow_short_energy(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (bucket timestamptz, pv_counter_kwh double precision,
               import_counter_kwh double precision, export_counter_kwh double precision,
               battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
DECLARE
    limits_kw float8[] := sungrow_limits_kw(of_device);
    replaced timestamptz[] := sungrow_replaced(of_device);
BEGIN
    RETURN QUERY
    WITH energy AS (
        SELECT date_bin('5 minutes', to_ts, '2000-01-01 00:00Z') AS bucket,
               sum(kwh) FILTER (WHERE counter = 1) AS pv_kwh,
               sum(kwh) FILTER (WHERE counter = 2) AS import_kwh,
               sum(kwh) FILTER (WHERE counter = 3) AS export_kwh,
               sum(kwh) FILTER (WHERE counter = 4) AS charge_kwh,
               sum(kwh) FILTER (WHERE counter = 5) AS discharge_kwh,
               bool_or(is_break) AS estimated
          FROM sungrow_close_steps(of_device, '{1,2,3,4,5}', first - interval '15 minutes',
                                   until + interval '10 minutes', limits_kw, replaced)
         WHERE to_ts - from_ts <= interval '10 minutes'
         GROUP BY 1
    )
    SELECT bucket, pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh,
           CASE WHEN num_nonnulls(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
                THEN sungrow_load(
                    sungrow_or_little(pv_kwh, pv_integral_kwh, 0.05),
                    sungrow_or_little(import_kwh, import_integral_kwh, 0.05),
                    sungrow_or_little(export_kwh, export_integral_kwh, 0.05),
                    sungrow_or_little(charge_kwh, battery_charge_integral_kwh, 0.05),
                    sungrow_or_little(discharge_kwh, battery_discharge_integral_kwh, 0.05),
                    loss_kwh, 0, 0) END,
           coalesce(estimated, false)
      FROM sungrow_5min AS here LEFT JOIN energy USING (bucket)
     WHERE device_id = of_device AND bucket >= first AND bucket < until
     ORDER BY bucket;
END
$$;

CREATE VIEW sungrow_energy AS
SELECT device_id, day,
       coalesce(pv_counter_kwh, pv_integral_kwh) AS pv_kwh,
       coalesce(load_counter_kwh, load_integral_kwh) AS load_kwh,
       coalesce(import_counter_kwh, import_integral_kwh) AS import_kwh,
       coalesce(export_counter_kwh, export_integral_kwh) AS export_kwh,
       coalesce(battery_charge_counter_kwh, battery_charge_integral_kwh) AS battery_charge_kwh,
       coalesce(battery_discharge_counter_kwh, battery_discharge_integral_kwh)
           AS battery_discharge_kwh,
       pv_counter_kwh, load_counter_kwh, import_counter_kwh, export_counter_kwh,
       battery_charge_counter_kwh, battery_discharge_counter_kwh,
       pv_integral_kwh, load_integral_kwh, import_integral_kwh, export_integral_kwh,
       battery_charge_integral_kwh, battery_discharge_integral_kwh, estimated
  FROM (SELECT device_id, min(bucket) AS first, max(bucket) AS last
          FROM sungrow_local_daily GROUP BY device_id) AS known
 CROSS JOIN LATERAL sungrow_daily_energy(device_id, first, last + 1) AS counted
  LEFT JOIN LATERAL (SELECT * FROM sungrow_local_daily AS r
                      WHERE r.device_id = known.device_id AND r.bucket = counted.day) AS measured
       USING (device_id);
COMMENT ON VIEW sungrow_energy IS 'kWh of each local day of a device: by the counters where they speak, else by the integral of the powers, and both opinions. Give it a device_id.';
