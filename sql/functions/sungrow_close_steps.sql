-- The steps of some counters between two moments, from the five-minute rows: each from one reading to
-- the next that is not left out, and beside it what the powers say of its time (power_kwh): null where it is
-- longer than ten minutes and than two and a half intervals, which is a gap; the sum where readings between
-- are left out. A step that is not plausible (is_break) counts what the powers say, if they do.
CREATE OR REPLACE FUNCTION sungrow_close_steps(
    of_device text, counters int[], first timestamptz, until timestamptz,
    limits_kw double precision[], replaced timestamptz[])
RETURNS TABLE (counter int, from_ts timestamptz, to_ts timestamptz, kwh double precision,
               power_kwh double precision, is_break boolean)
LANGUAGE sql STABLE AS $$
    WITH five_minutes AS MATERIALIZED (
        SELECT bucket, (counters_first).ts AS first_ts, sungrow_kwh(counters_first) AS first_kwh,
               (counters_last).ts AS last_ts, sungrow_kwh(counters_last) AS last_kwh,
               ARRAY[pv_integral_kwh, import_integral_kwh, export_integral_kwh,
                     battery_charge_integral_kwh, battery_discharge_integral_kwh] AS integral_kwh,
               sungrow_known_s(covered_s, gridless_s, sample_count, battery_power_w_count) AS known_s,
               greatest(600, 2.5 * covered_s / sample_count) AS most_s
          FROM sungrow_5min
         WHERE device_id = of_device AND bucket > first - interval '5 minutes' AND bucket <= until
    ), reading AS (
        SELECT counter, ts, date_part('epoch', ts) AS at_s, total_kwh,
               sungrow_ratio(integral_kwh[counter], known_s[counter]) AS mean_kwh_a_s, most_s,
               width_bucket(ts, replaced) AS inverter, limits_kw[counter] AS limit_kw
          FROM five_minutes CROSS JOIN unnest(counters) AS counter
         CROSS JOIN LATERAL (
               SELECT first_ts AS ts, first_kwh[counter] AS total_kwh
               UNION ALL SELECT last_ts, last_kwh[counter] WHERE last_ts > first_ts) AS ends
         WHERE total_kwh IS NOT NULL AND ts >= first AND ts <= until
    ), beside AS (
        SELECT *, lag(at_s) OVER w AS s_before, lag(total_kwh) OVER w AS kwh_before,
               lag(inverter) OVER w AS inverter_before, lead(at_s) OVER w AS s_after,
               lead(total_kwh) OVER w AS kwh_after, lead(inverter) OVER w AS inverter_after,
               row_number() OVER w AS number,
               CASE WHEN at_s - lag(at_s) OVER w <= most_s THEN mean_kwh_a_s * (at_s - lag(at_s) OVER w) END
                   AS power_kwh
          FROM reading WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), summed AS (
        SELECT *, sum(power_kwh) OVER w AS powers_kwh, count(power_kwh) OVER w AS known
          FROM beside WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), kept AS (
        SELECT counter, ts, at_s, total_kwh, power_kwh, powers_kwh, known, number, inverter, limit_kw FROM summed
         WHERE (inverter_before = inverter_after
                AND sungrow_fits(kwh_after - kwh_before, s_after - s_before, limit_kw)
                AND NOT (inverter = inverter_before
                         AND sungrow_fits(total_kwh - kwh_before, at_s - s_before, limit_kw)
                         AND sungrow_fits(kwh_after - total_kwh, s_after - at_s, limit_kw))
               ) IS NOT TRUE
    ), step AS (
        SELECT counter, lag(ts) OVER w AS from_ts, ts AS to_ts, at_s - lag(at_s) OVER w AS in_s,
               total_kwh - lag(total_kwh) OVER w AS rise_kwh, inverter = lag(inverter) OVER w AS is_same,
               limit_kw, CASE WHEN number = lag(number) OVER w + 1 THEN power_kwh
                              WHEN known - lag(known) OVER w = number - lag(number) OVER w
                              THEN powers_kwh - coalesce(lag(powers_kwh) OVER w, 0) END AS power_kwh
          FROM kept WINDOW w AS (PARTITION BY counter ORDER BY ts)
    ), judged AS (
        SELECT *, is_same AND sungrow_fits(rise_kwh, in_s, limit_kw) AS fits
          FROM step WHERE from_ts IS NOT NULL
    )
    SELECT counter, from_ts, to_ts, CASE WHEN fits THEN rise_kwh ELSE coalesce(power_kwh, 0) END, power_kwh,
           NOT fits
      FROM judged
$$;
