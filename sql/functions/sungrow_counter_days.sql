-- A counter's days, numbered, each by its first and last reading, and the step to it from the day
-- before that has one. is_doubtful: the five-minute rows have to tell. Doubtful is also a day whose counter
-- and powers disagree, where these may judge it; and so are both days of a step from one poll over midnight
-- to the next that the powers of the five minutes behind it contradict: one row for a step of more than three of its
-- digits, and not all of both days, which after ten years of polls every twenty minutes took most of a second.
-- What a counter rose while nobody polled speaks neither for it nor against it: where that is all they disagree
-- about, nothing is doubtful. One pass over the day's rows finds that out, and not each step of each counter.
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
               ARRAY[pv_integral_kwh, coalesce(import_integral_kwh, 0), coalesce(export_integral_kwh, 0),
                     battery_charge_integral_kwh, battery_discharge_integral_kwh] AS integral_kwh,
               sungrow_known_s(covered_s, gridless_s, sample_count, battery_power_w_count) AS known_s,
               covered_s, greatest(60, 2.5 * covered_s / sample_count) AS most_s
          FROM sungrow_local_daily
         WHERE device_id = of_device AND bucket >= low AND bucket < high
           AND (counters_first).ts IS NOT NULL
    ), counted AS ( -- OFFSET 0: rows without the arrays are sorted in memory
        SELECT counter, bucket, first_ts, last_ts, first_s, last_s, first_inverter, last_inverter,
               first_kwh[counter] AS first_kwh, last_kwh[counter] AS last_kwh,
               integral_kwh[counter] AS integral_kwh, limits_kw[counter] AS limit_kw,
               known_s[counter] AS known_s, covered_s, most_s
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
    ), told AS (
        SELECT beside.*, coalesce(is_contradicted, false) AS is_contradicted
          FROM beside
          LEFT JOIN LATERAL (
               SELECT sungrow_contradicts(
                          first_kwh - from_kwh, first_s - from_s,
                          CASE WHEN first_s - from_s <= greatest(600, 2.5 * f.covered_s / f.sample_count)
                               THEN sungrow_ratio(
                                   (ARRAY[pv_integral_kwh, import_integral_kwh, export_integral_kwh,
                                          battery_charge_integral_kwh, battery_discharge_integral_kwh])[counter],
                                   (sungrow_known_s(f.covered_s, gridless_s, sample_count, battery_power_w_count))[counter])
                               END * (first_s - from_s)) AS is_contradicted
                 FROM sungrow_5min AS f
                WHERE f.device_id = of_device AND f.bucket = date_bin('5 minutes', beside.first_ts, '2000-01-01 00:00Z')
                  AND first_kwh - from_kwh > 0.3 AND first_s - from_s <= most_s
               OFFSET 0) AS powers ON true -- OFFSET 0: one look at the index for each step that needs it
    ), judged AS (
        SELECT *, lead(is_contradicted) OVER (PARTITION BY counter ORDER BY bucket) AS is_contradicted_after,
               sungrow_disagree(last_kwh - first_kwh, integral_kwh)
               AND known_s >= 0.9 * least(covered_s, last_s - first_s)
               AND known_s >= 0.25 * (last_s - first_s) AS is_at_odds
          FROM told
    ), unpolled AS MATERIALIZED ( -- gaps, by the measure of sungrow_close_steps
        SELECT odd.bucket, counter, sum(first_kwh[counter] - before_kwh[counter]) AS unpolled_kwh
          FROM (SELECT bucket, min(first_ts) AS first_ts, max(last_ts) AS last_ts
                  FROM judged WHERE is_at_odds AND last_s - first_s > covered_s + 600 GROUP BY bucket) AS odd
         CROSS JOIN LATERAL (
               SELECT sungrow_kwh(counters_first) AS first_kwh, sungrow_kwh(before) AS before_kwh
                 FROM (SELECT counters_first, lag(counters_last) OVER (ORDER BY f.bucket) AS before,
                              greatest(600, 2.5 * covered_s / sample_count) AS most_s
                         FROM sungrow_5min AS f
                        WHERE f.device_id = of_device AND f.bucket > odd.first_ts - interval '5 minutes'
                          AND f.bucket <= odd.last_ts) AS polled
                WHERE (counters_first).ts - (before).ts > most_s * interval '1 second' OFFSET 0) AS gap
         CROSS JOIN generate_series(1, 5) AS counter
         GROUP BY 1, 2
    )
    SELECT counter, number, bucket, last_kwh - first_kwh, from_day, first_kwh - from_kwh, from_ts,
           first_ts, last_ts, until_ts,
           (first_inverter = last_inverter
            AND sungrow_fits(last_kwh - first_kwh, last_s - first_s, limit_kw)
            -- Some meters are some percent off every day, which is nothing to doubt: hence usual.
            AND last_kwh - first_kwh
                >= integral_kwh * 0.97 * greatest(0.85, coalesce(least(1, usual), 1)) - 0.2
            AND last_kwh - first_kwh <= integral_kwh * 3 + 5 + limit_kw / 3600
                * greatest(last_s - first_s - known_s, 0)
            AND NOT (is_at_odds
                     AND sungrow_disagree(last_kwh - first_kwh - coalesce(unpolled_kwh, 0), integral_kwh))
            AND NOT is_contradicted AND is_contradicted_after IS NOT TRUE
            AND (number = 1 OR (first_inverter = from_inverter
                 AND sungrow_fits(first_kwh - from_kwh, first_s - from_s, limit_kw)))
            AND (until_ts IS NULL OR (last_inverter = until_inverter
                 AND sungrow_fits(until_kwh - last_kwh, until_s - last_s, limit_kw)))
           ) IS NOT TRUE
      FROM judged LEFT JOIN unpolled USING (bucket, counter)
$$;
