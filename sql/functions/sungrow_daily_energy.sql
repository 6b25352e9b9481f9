-- Energy of each local day by the inverter's lifetime counters, in kWh; null: the counter says nothing.
-- They go on counting while nobody polls; it is computed when it is asked for, from the counters that the
-- rollups keep, so that nothing here can be out of date. The day of first is the first, that of until is
-- not part of it. A day without any reading has a row where the counters show energy.
--
-- A counter may read 0 for once, fall, jump by 2^16 or 2^32, stand still, or be that of another
-- inverter. So energy is the sum of steps between readings of a counter, and only of plausible ones.
-- A reading that does not fit between two that fit each other is left out, and nothing is lost by
-- that. What stays implausible counts what the powers say of it.
--
-- Days are judged by their first and last reading. Only where something is doubtful the five-minute
-- rows are read: ten years are some 3,650 rows, not a million.
--
-- estimated: a counter fell, jumped or was replaced on that day, or a part of its energy is the share by
-- time of a step of more than ten minutes over midnight. And
-- - where the powers may judge it, a counter that disagrees with them over the time of both is left out for
--   that day, which is estimated; of a step into it or out of it the powers tell, as of any step over midnight
--   from one poll to the next that they contradict;
-- - so is a day of which more than a tenth of the readings lack the grid;
-- - so is one of which more than a tenth of the readings lack the battery's direction, where its counters do not
--   tell either;
-- - the house's use is not a balance of counters of which some were read for another time than others, as on
--   the day on which a meter is put in, and none that is negative where the house's power is not.
--
-- sources_estimated: the same of the panels and the battery alone, for a house whose grid another meter tells.
--
-- jit: compiling takes longer than the whole query. The plan is made once a connection, not once a question:
-- with rows of one house alone the planner takes each range of days to be worth a plan of its own, which costs
-- as much as finding the answer.
CREATE OR REPLACE FUNCTION sungrow_daily_energy(of_device text, first date, until date)
RETURNS TABLE (day date, pv_counter_kwh double precision, import_counter_kwh double precision,
               export_counter_kwh double precision, battery_charge_counter_kwh double precision,
               battery_discharge_counter_kwh double precision, load_counter_kwh double precision,
               estimated boolean, sources_estimated boolean)
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
    ), measured AS MATERIALIZED (
        SELECT bucket AS day, date_trunc('month', bucket::timestamp) AS month, pv_integral_kwh,
               load_integral_kwh, import_integral_kwh, export_integral_kwh,
               battery_charge_integral_kwh, battery_discharge_integral_kwh, loss_kwh,
               solar_to_house_kwh + solar_to_battery_kwh + solar_to_grid_kwh + battery_to_house_kwh
                   + battery_to_grid_kwh + grid_to_house_kwh + grid_to_battery_kwh + loss_kwh
                   AS sources_kwh,
               sungrow_known_s(covered_s, gridless_s, sample_count, battery_power_w_count) AS known_s,
               covered_s, gridless_s > 0.1 * covered_s AS is_partly,
               battery_soc_pct_count - battery_power_w_count > 0.1 * sample_count AS is_undecided,
               lag(gridless_s >= covered_s) OVER days AS none_before,
               lead(gridless_s >= covered_s) OVER days AS none_after
          FROM sungrow_local_daily WHERE device_id = of_device AND bucket >= low AND bucket < high
        WINDOW days AS (ORDER BY bucket)
    ), doubt AS MATERIALIZED ( -- a run: doubtful days that follow each other
        SELECT *, number - row_number() OVER (PARTITION BY counter ORDER BY number) AS run
          FROM counter_day WHERE is_doubtful
    ), close_step AS MATERIALIZED (
        SELECT step.*, (step.from_ts AT TIME ZONE zone)::date AS from_day,
               (step.to_ts AT TIME ZONE zone)::date AS to_day
          FROM (SELECT array_agg(counter) AS counters, first_ts, until_ts
                  FROM (SELECT counter, min(coalesce(from_ts, first_ts)) AS first_ts,
                               max(coalesce(until_ts, last_ts)) AS until_ts
                          FROM doubt GROUP BY counter, run) AS one
                 GROUP BY first_ts, until_ts) AS doubt -- counters that are in doubt together are read together
         CROSS JOIN LATERAL sungrow_close_steps(of_device, doubt.counters, doubt.first_ts,
                                                doubt.until_ts, limits_kw, replaced) AS step
    ), step_day AS MATERIALIZED ( -- once, and not each step again: there is one for every five minutes
        SELECT counter, from_day AS day, sum(kwh) AS kwh, bool_or(is_break) AS is_broken,
               sum(kwh) FILTER (WHERE NOT is_break AND power_kwh IS NOT NULL) AS judged_kwh,
               sum(power_kwh) FILTER (WHERE NOT is_break) AS power_kwh
          FROM close_step WHERE from_day = to_day GROUP BY 1, 2
    ), runaway AS MATERIALIZED ( -- one that stands still does not run: it has no opinion
        SELECT counter, day FROM step_day JOIN measured USING (day)
         WHERE judged_kwh > 0 AND sungrow_disagree(judged_kwh, power_kwh)
           AND sungrow_judges(known_s[counter], covered_s, day, zone)
    ), midnight AS MATERIALIZED ( -- each once, and not for each step and counter
        SELECT low + number AS day, sungrow_midnight(low + number, zone) AS starts,
               sungrow_midnight(low + number + 1, zone) AS ends
          FROM generate_series(0, high - low) AS number
    ), over_midnight AS (
        SELECT counter, from_ts, first_ts AS to_ts, from_day, day AS to_day, step_kwh AS kwh,
               false AS is_break
          FROM counter_day AS c
         WHERE NOT is_doubtful AND (step_kwh > 0 OR day > from_day + 1)
           AND NOT EXISTS (SELECT FROM doubt AS d
                            WHERE d.counter = c.counter AND d.number = c.number - 1)
        UNION ALL
        SELECT counter, from_ts, to_ts, from_day, to_day,
               CASE WHEN is_contradicted
                      OR EXISTS (SELECT FROM runaway AS r WHERE r.counter = s.counter
                                    AND r.day IN (s.from_day, s.to_day))
                    THEN coalesce(power_kwh, kwh) ELSE kwh END, is_break OR is_contradicted
          FROM close_step AS s
         CROSS JOIN LATERAL (SELECT coalesce(sungrow_contradicts(kwh, date_part('epoch', to_ts - from_ts), power_kwh),
                                             false) AS is_contradicted) AS judged
         WHERE from_day < to_day
    ), part AS (
        SELECT counter, day, rise_kwh AS kwh, false AS estimated
          FROM counter_day WHERE NOT is_doubtful AND last_ts > first_ts
        UNION ALL
        SELECT counter, day, kwh, is_broken FROM step_day
        UNION ALL
        SELECT counter, day, kwh * date_part('epoch', CASE WHEN day = to_day THEN to_ts ELSE ends END
                                                      - CASE WHEN day = from_day THEN from_ts ELSE starts END)
                             / date_part('epoch', to_ts - from_ts),
               is_break OR (kwh > 0 AND to_ts - from_ts > interval '10 minutes')
          FROM over_midnight CROSS JOIN LATERAL generate_series(0, to_day - from_day) AS number
          JOIN midnight ON day = from_day + number
    ), believed AS (
        SELECT counter, day, CASE WHEN r.day IS NULL THEN kwh END AS kwh, estimated OR r.day IS NOT NULL AS estimated
          FROM part LEFT JOIN runaway AS r USING (counter, day)
         WHERE day >= first AND day < until
    ), energy AS (
        SELECT day, sum(kwh) FILTER (WHERE counter = 1) AS pv_kwh,
               sum(kwh) FILTER (WHERE counter = 2) AS import_kwh,
               sum(kwh) FILTER (WHERE counter = 3) AS export_kwh,
               sum(kwh) FILTER (WHERE counter = 4) AS charge_kwh,
               sum(kwh) FILTER (WHERE counter = 5) AS discharge_kwh,
               bool_or(estimated) AS estimated,
               bool_or(estimated) FILTER (WHERE counter IN (1, 4, 5)) AS sources_estimated
          FROM believed GROUP BY day
    ), month AS (
        SELECT month, coalesce(sungrow_ratio(sum(loss_kwh), sum(sources_kwh)), 0) AS loss_share
          FROM measured GROUP BY month
    ), grid_edge AS ( -- days on which the meter's counters are read first, or last
        SELECT day, bool_and(number = 1) AS begins, bool_and(until_ts IS NULL) AS ends
          FROM counter_day WHERE counter IN (2, 3) GROUP BY day
        HAVING bool_and(number = 1) OR bool_and(until_ts IS NULL)
    ), opinion AS (
        SELECT day, sungrow_believed(pv_kwh, pv_integral_kwh) AS pv_kwh, pv_integral_kwh,
               sungrow_believed(import_kwh, import_integral_kwh) AS import_kwh,
               CASE WHEN NOT is_partly THEN import_integral_kwh END AS import_integral_kwh,
               sungrow_believed(export_kwh, export_integral_kwh) AS export_kwh,
               CASE WHEN is_partly THEN NULL ELSE coalesce(export_integral_kwh, 0) END AS export_integral_kwh,
               sungrow_believed(charge_kwh, battery_charge_integral_kwh) AS charge_kwh,
               CASE WHEN is_undecided THEN NULL ELSE coalesce(battery_charge_integral_kwh, 0) END AS charge_integral_kwh,
               sungrow_believed(discharge_kwh, battery_discharge_integral_kwh) AS discharge_kwh,
               CASE WHEN is_undecided THEN NULL ELSE coalesce(battery_discharge_integral_kwh, 0) END AS discharge_integral_kwh,
               load_integral_kwh, loss_kwh, sources_kwh, is_partly, is_undecided, none_before, none_after,
               coalesce(estimated, false) OR coalesce(is_partly, false) AS estimated,
               coalesce(sources_estimated, false) AS sources_estimated,
               coalesce(month, date_trunc('month', day::timestamp)) AS month
          FROM energy FULL JOIN (SELECT * FROM measured WHERE day >= first AND day < until) AS here
         USING (day)
         WHERE month IS NOT NULL
            OR greatest(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
    ), balanced AS ( -- OFFSET 0: so that the balance is computed once
        SELECT *, CASE WHEN num_nonnulls(pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh) > 0
                         AND NOT coalesce(begins AND (is_partly OR none_before), false)
                         AND NOT coalesce(ends AND (is_partly OR none_after), false)
                       THEN sungrow_load(sungrow_or_little(pv_kwh, pv_integral_kwh, 0.5),
                                         sungrow_or_little(import_kwh, import_integral_kwh, 0.5),
                                         sungrow_or_little(export_kwh, export_integral_kwh, 0.5),
                                         sungrow_or_little(charge_kwh, charge_integral_kwh, 0.5),
                                         sungrow_or_little(discharge_kwh, discharge_integral_kwh, 0.5),
                                         coalesce(loss_kwh, 0), coalesce(sources_kwh, 0),
                                         coalesce(loss_share, 0)) END AS load_kwh
          FROM opinion LEFT JOIN month USING (month) LEFT JOIN grid_edge USING (day) OFFSET 0
    )
    SELECT day, pv_kwh, import_kwh, export_kwh, charge_kwh, discharge_kwh,
           CASE WHEN load_kwh >= 0 OR load_integral_kwh < 0 THEN load_kwh END,
           estimated OR coalesce(load_kwh < -0.3 AND load_integral_kwh >= 0, false) OR has_no_direction,
           sources_estimated OR has_no_direction
      FROM balanced
     CROSS JOIN LATERAL (SELECT coalesce(is_undecided AND (charge_kwh IS NULL OR discharge_kwh IS NULL), false)
                                AS has_no_direction) AS battery
     ORDER BY day;
END
$$;
