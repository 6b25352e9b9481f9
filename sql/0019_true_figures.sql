-- Figures that are true also of a reading of next to nothing, which one bad client may send.

-- Nobody measures 1e-280 W: it is 0. What is computed of anything more, down to the difference of two numbers
-- that are nearly equal, can still be divided; what underflows PostgreSQL takes for an error.
CREATE OR REPLACE FUNCTION sungrow_or_zero(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN abs($1) < 1e-280 THEN 0 ELSE $1 END $$;

-- A total of less than a thousandth of a kWh counts as not read, as one of 0 does.
CREATE OR REPLACE FUNCTION sungrow_kwh(sungrow_counters) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[CASE WHEN ($1).pv_total_kwh >= 1e-3 THEN ($1).pv_total_kwh END,
                 CASE WHEN ($1).total_import_kwh >= 1e-3 THEN ($1).total_import_kwh END,
                 CASE WHEN ($1).total_export_kwh >= 1e-3 THEN ($1).total_export_kwh END,
                 CASE WHEN ($1).battery_total_charge_kwh >= 1e-3 THEN ($1).battery_total_charge_kwh END,
                 CASE WHEN ($1).battery_total_discharge_kwh >= 1e-3
                      THEN ($1).battery_total_discharge_kwh END]
$$;

-- A part of a whole, neither of which can be so small that the quotient is out of range: a millionth of a Wh
-- is 0, and of a whole as small there are no parts.
CREATE FUNCTION sungrow_ratio(part double precision, whole double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN whole >= 1e-9 THEN CASE WHEN abs(part) >= 1e-9 THEN part / whole ELSE 0 END END
$$;

-- As before, and a nominal power of less than a watt is none.
CREATE OR REPLACE FUNCTION sungrow_limits_kw(of_device text) RETURNS double precision[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY[own, 400, 400, own, own]
      FROM (SELECT coalesce((SELECT CASE WHEN nominal_power_w >= 1 THEN nominal_power_w * 3 / 1000 END
                               FROM sungrow_devices WHERE device_id = of_device), 200) AS own) AS limits
$$;

-- As before, by that quotient.
CREATE OR REPLACE FUNCTION sungrow_close_steps(
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
               sungrow_ratio(integral_kwh[counter], covered_s) AS mean_kwh_a_s,
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

CREATE OR REPLACE FUNCTION sungrow_counter_days(
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
               lag(sungrow_ratio(last_kwh - first_kwh, integral_kwh)) OVER w AS usual,
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

-- As before; out of range is no product.
CREATE OR REPLACE FUNCTION sungrow_load(
    pv_kwh double precision, import_kwh double precision, export_kwh double precision,
    charge_kwh double precision, discharge_kwh double precision,
    loss_kwh double precision, sources_kwh double precision, loss_share double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pv_kwh + import_kwh + discharge_kwh - export_kwh - charge_kwh
           - loss_kwh - sungrow_or_zero(pv_kwh + import_kwh + discharge_kwh - sources_kwh) * loss_share
$$;

-- As before, by that quotient.
CREATE OR REPLACE FUNCTION sungrow_daily_energy(of_device text, first date, until date)
RETURNS TABLE (day date, pv_counter_kwh double precision, import_counter_kwh double precision,
               export_counter_kwh double precision, battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean)
LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_generic_plan AS $$
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
        SELECT month, coalesce(sungrow_ratio(sum(loss_kwh), sum(sources_kwh)), 0) AS loss_share
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
