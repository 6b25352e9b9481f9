-- The cause of what is missing in each quarter hour, the first that holds:
-- 1. Failed polls that can fill it, each with the two minutes at most to the next one (their pauses grow
--    to 90 s): what most of them failed of.
-- 2. Readings that were taken and are neither stored nor parked, by the counts or, where there are none,
--    by their numbers, enough for half of it: in_transit while readings as old wait at the edge, else
--    unknown (completeness says that they are lost).
-- 3. edge_down where every poll is counted: too few were made.
-- Beyond what is reported there is none.
CREATE OR REPLACE FUNCTION sungrow_slot_causes(of_device text, dark tstzmultirange, of_kind text)
RETURNS TABLE (cause text, spans tstzmultirange) LANGUAGE sql STABLE AS $$
    WITH said AS MATERIALIZED (
        SELECT * FROM sungrow_reported(of_device, of_kind)
    ), dark_slot AS MATERIALIZED (
        SELECT slot, slot + interval '15 minutes' AS ends,
               sum(extract(epoch FROM least(upper(d), slot + interval '15 minutes', known_until)
                                      - greatest(lower(d), slot))) AS missing_s
          FROM said CROSS JOIN unnest(dark) AS d
         CROSS JOIN generate_series(sungrow_slot(lower(d)), least(upper(d), known_until), '15 minutes') AS slot
         WHERE slot < upper(d) GROUP BY slot
    ), report AS MATERIALIZED (
        -- By the range, too: a database without statistics would go through all reports for each slot.
        SELECT slot, polled, failed FROM sungrow_reports JOIN dark_slot USING (slot)
         WHERE device_id = of_device AND kind = of_kind AND slot >= sungrow_slot(lower(dark)) AND slot < upper(dark)
    ), polls AS (
        SELECT slot, sum(polled) AS polled FROM report GROUP BY slot
    ), failing AS (
        SELECT slot, sum(count) AS failed, (array_agg(cause ORDER BY count DESC, cause))[1] AS cause
          FROM (SELECT slot, sungrow_failure_cause(key) AS cause, sum(value::bigint) AS count
                  FROM report CROSS JOIN jsonb_each_text(failed) GROUP BY 1, 2) AS reasons
         GROUP BY slot
    ), counted AS MATERIALIZED (
        SELECT slot, ends, missing_s, polled, failed, cause,
               polled - coalesce(failed, 0)
               - CASE of_kind WHEN 'p1'
                 THEN (SELECT coalesce(sum(sample_count), 0) FROM p1_5min
                        WHERE device_id = of_device AND bucket >= slot AND bucket < ends)
                 ELSE (SELECT coalesce(sum(sample_count), 0) FROM sungrow_5min
                        WHERE device_id = of_device AND bucket >= slot AND bucket < ends) END
               - (SELECT count(*) FROM sungrow_parked
                   WHERE device_id = of_device AND kind = of_kind AND coalesce(ts, received_at) >= slot
                     AND coalesce(ts, received_at) < ends) AS not_here
          FROM dark_slot LEFT JOIN polls USING (slot) LEFT JOIN failing USING (slot)
    ), hole AS (
        SELECT least(slot_before, slot_after) AS begins,
               greatest(slot_before, slot_after) + interval '15 minutes' AS ends,
               (SELECT sum(upper(part) - lower(part)) FROM unnest(seqs) AS part) * step_s AS missing_s
          FROM said CROSS JOIN sungrow_holes(of_device, sungrow_slot(lower(dark)), upper(dark), of_kind)
         WHERE EXISTS (SELECT FROM counted WHERE polled IS NULL)
    ), numbers AS MATERIALIZED (
        SELECT coalesce(range_agg(tstzrange(begins, ends)), '{}') AS missing FROM hole
         WHERE missing_s >= 60 AND 2 * missing_s >= extract(epoch FROM ends - begins - interval '30 minutes')
    ), caused AS (
        SELECT slot, least(ends, known_until) AS ends,
               CASE WHEN failed > 0 AND (failed + 1) * greatest(120, 2 * step_s) >= missing_s
                    THEN cause
                    WHEN not_here > 0 AND not_here * 2 * step_s >= missing_s
                      OR polled IS NULL AND slot <@ missing
                    THEN CASE WHEN waiting > 0 AND oldest_unsent_ts < ends THEN 'in_transit' ELSE 'unknown' END
                    WHEN slot >= known_from THEN 'edge_down' END AS cause
          FROM counted CROSS JOIN numbers CROSS JOIN said
    )
    SELECT cause, range_agg(tstzrange(slot, ends)) FROM caused
     WHERE cause IS NOT NULL AND slot < ends GROUP BY cause
$$;
