-- Completeness, missing readings and holes of one day as they were counted before all days of a range were counted in
-- one go: a call a day, slow and plain. tests/server/test_completeness_days.py holds the sets against them.
-- The holes in the numbers of a device's readings of one kind between two moments, those that only begin or end there
-- included, and those that span them: the missing numbers, the quarter hours of the readings on either side, and
-- when the server could first see the hole.
CREATE FUNCTION by_day_holes(of_device text, first timestamptz, until timestamptz, of_kind text)
RETURNS TABLE (boot text, seqs int8multirange, slot_before timestamptz, slot_after timestamptz,
               received_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH inside AS MATERIALIZED (
        SELECT boot, slot, seqs, received_at FROM sungrow_seqs
         WHERE device_id = of_device AND kind = of_kind AND slot >= first AND slot < until
    ), parked AS MATERIALIZED (
        SELECT boot, sungrow_slot(coalesce(ts, received_at)) AS slot,
               int8range(seq, seq, '[]') AS seqs, received_at
          FROM sungrow_parked
         WHERE device_id = of_device AND kind = of_kind AND coalesce(ts, received_at) >= first
           AND coalesce(ts, received_at) < until
    ), boots AS (
        SELECT boot FROM inside UNION SELECT boot FROM parked
        UNION (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND kind = of_kind AND slot < first
                ORDER BY slot DESC LIMIT 1)
        UNION (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND kind = of_kind AND slot >= until
                ORDER BY slot LIMIT 1)
    ), here AS (
        SELECT boot, slot, unnest(seqs) AS seqs, received_at FROM inside
        UNION ALL SELECT boot, slot, seqs, received_at FROM parked
        UNION ALL
        SELECT boots.boot, beside.slot, unnest(beside.seqs), beside.received_at
          FROM boots CROSS JOIN LATERAL (
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND kind = of_kind AND s.boot = boots.boot AND slot < first
              ORDER BY slot DESC LIMIT 1)
            UNION ALL
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND kind = of_kind AND s.boot = boots.boot AND slot >= until
              ORDER BY slot LIMIT 1)) AS beside
    ), ordered AS (
        SELECT boot, seqs, slot, received_at, max(upper(seqs)) OVER before AS low,
               lag(slot) OVER before_one AS slot_before,
               lag(received_at) OVER before_one AS received_before
          FROM here
        WINDOW before_one AS (PARTITION BY boot ORDER BY lower(seqs), upper(seqs), slot),
               before AS (before_one ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), hole AS MATERIALIZED (
        SELECT boot, int8multirange(int8range(low, lower(seqs))) AS seqs, slot_before,
               slot AS slot_after, greatest(received_at, received_before) AS received_at
          FROM ordered
         WHERE low < lower(seqs)
           AND greatest(slot_before, slot) >= first AND least(slot_before, slot) < until
    ), by_boot AS MATERIALIZED (
        SELECT boot, range_agg(seqs) AS seqs FROM hole GROUP BY boot
    ), elsewhere AS ( -- a clock that was set brings numbers to other days than their neighbours
        SELECT boot, range_agg(seqs) AS seqs FROM (
            -- OFFSET 0: boot by boot. A plain join reads all that the device ever had, since the
            -- planner takes the few boots of a day for two hundred.
            SELECT b.boot, s.seqs FROM by_boot b CROSS JOIN LATERAL (
                SELECT seqs FROM sungrow_seqs
                 WHERE device_id = of_device AND kind = of_kind AND boot = b.boot OFFSET 0) AS s
             WHERE s.seqs && b.seqs
            UNION ALL
            SELECT b.boot, int8multirange(int8range(p.seq, p.seq, '[]'))
              FROM by_boot b CROSS JOIN LATERAL (
                SELECT seq FROM sungrow_parked
                 WHERE device_id = of_device AND kind = of_kind AND boot = b.boot OFFSET 0) AS p
             WHERE b.seqs @> p.seq) AS known
         GROUP BY boot
    )
    SELECT boot, hole.seqs - coalesce(elsewhere.seqs, '{}'), slot_before, slot_after, received_at
      FROM hole LEFT JOIN elsewhere USING (boot)
     WHERE NOT hole.seqs <@ coalesce(elsewhere.seqs, '{}');
END
$$;
-- What became of the readings between two moments that are neither stored nor parked. The first that
-- applies: forgotten; thinned, as far as the edge's counts go; in transit; lost. In transit is what may
-- be among the readings that wait at the edge by its newest report, or what no report can have spoken
-- of yet, since one follows within a minute of an upload.
CREATE FUNCTION by_day_missing(of_device text, first timestamptz, until timestamptz, of_kind text,
    OUT forgotten bigint, OUT thinned bigint, OUT in_transit bigint, OUT lost bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    report sungrow_reports;
BEGIN
    SELECT * INTO report FROM sungrow_reports
     WHERE device_id = of_device AND kind = of_kind ORDER BY received_at DESC, slot DESC LIMIT 1;
    WITH hole AS (
        SELECT *, (SELECT sum(upper(part) - lower(part)) FROM unnest(seqs) AS part) AS size,
               greatest(least(slot_before, slot_after), first) AS begins,
               least(greatest(slot_before, slot_after) + interval '15 minutes', until) AS ends
          FROM by_day_holes(of_device, first, until, of_kind)
    ), missing AS MATERIALIZED (
        SELECT *, floor(size * sungrow_share(until, slot_before, slot_after))
                - floor(size * sungrow_share(first, slot_before, slot_after)) AS count
          FROM hole
    ), gap AS MATERIALIZED (
        SELECT from_ts, to_ts, count FROM sungrow_gaps
         WHERE device_id = of_device AND kind = of_kind AND cause = 'thinned' AND from_ts < until
           AND to_ts >= first
           AND EXISTS (SELECT FROM missing)
    ), explained AS (
        SELECT *, EXISTS (SELECT FROM sungrow_forgotten f WHERE f.device_id = of_device
                             AND f.from_ts < ends AND f.to_ts > begins) AS is_forgotten,
               (SELECT least(coalesce(sum(coalesce(gap.count, size)), 0), missing.count)
                  FROM gap WHERE from_ts < ends AND to_ts >= begins) AS thinned,
               received_at > coalesce(report.received_at, '-infinity')
                   AND received_at > now() - interval '5 minutes' AS is_unreported,
               report.waiting > 0 AND (report.oldest_unsent_ts < ends
                   OR report.oldest_unsent_ts > report.received_at) IS NOT FALSE AS may_wait
          FROM missing WHERE count > 0
    ), summed AS (
        SELECT coalesce(sum(count), 0) AS missing,
               coalesce(sum(count) FILTER (WHERE is_forgotten), 0) AS forgotten,
               least(coalesce(sum(thinned) FILTER (WHERE NOT is_forgotten), 0),
                     (SELECT coalesce(sum(coalesce(count, 2e18)), 0) FROM gap)) AS thinned,
               coalesce(sum(count - thinned) FILTER (WHERE is_unreported AND NOT is_forgotten), 0)
               + least(coalesce(sum(count - thinned)
                           FILTER (WHERE may_wait AND NOT is_unreported AND NOT is_forgotten), 0),
                       report.waiting) AS in_transit
          FROM explained
    )
    SELECT forgotten, thinned, in_transit, missing - forgotten - thinned - in_transit
      INTO forgotten, thinned, in_transit, lost FROM summed;
END
$$;
-- What became of the readings of one kind (sample, p1) of one local day of one device. expected: the polls that the
-- part of the day that is over has room for, at the interval of its readings. Nobody polls before the edge is there: of its
-- first day, expected counts from its first reading on, or from the end of the first quarter hour of which it
-- reported polls; of the days before, nothing is expected. polled and failed: as the edge reported, which
-- knows why. covered: of the grid meter alone, the share of that part of the day that is within 60 seconds after a
-- reading; where its readings have no numbers (other edges send none), nothing else tells.
CREATE FUNCTION by_day_completeness(of_device text, of_day date, of_kind text,
    OUT expected bigint, OUT polled bigint, OUT failed bigint, OUT failed_reasons jsonb,
    OUT stored bigint, OUT parked bigint, OUT thinned bigint, OUT forgotten bigint,
    OUT in_transit bigint, OUT lost bigint, OUT covered double precision)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    first timestamptz := sungrow_midnight(of_day, zone);
    until timestamptz := sungrow_midnight(of_day + 1, zone);
    interval_s double precision;
    first_reading timestamptz;
    begun timestamptz;
BEGIN
    IF of_kind = 'p1' THEN
        SELECT sample_count, covered_s / sample_count INTO stored, interval_s
          FROM p1_local_daily WHERE device_id = of_device AND bucket = of_day;
        SELECT first_ts INTO first_reading
          FROM p1_local_daily WHERE device_id = of_device ORDER BY bucket LIMIT 1;
        SELECT greatest(extract(epoch FROM least(until, now()) - greatest(first, first_reading)) - coalesce(sum(
                   extract(epoch FROM upper(dark) - lower(dark))), 0), 0)
               / nullif(extract(epoch FROM least(until, now()) - first), 0) INTO covered
          FROM unnest(p1_dark(of_device, greatest(first, first_reading), least(until, now()))) AS dark
         WHERE now() > first;
        covered := CASE WHEN now() > first THEN CASE WHEN first_reading IS NULL THEN 0 ELSE covered END END;
    ELSE
        SELECT sample_count, covered_s / sample_count INTO stored, interval_s
          FROM sungrow_local_daily WHERE device_id = of_device AND bucket = of_day;
        SELECT first_ts INTO first_reading
          FROM sungrow_local_daily WHERE device_id = of_device ORDER BY bucket LIMIT 1;
    END IF;
    stored := coalesce(stored, 0);
    -- least() and greatest() leave out what is null: of a device that was never heard of.
    SELECT least(first_reading - make_interval(secs => coalesce(interval_s, 5)),
                 (SELECT slot + interval '15 minutes' FROM sungrow_reports
                   WHERE device_id = of_device AND kind = of_kind ORDER BY slot LIMIT 1)) INTO begun;
    expected := floor(greatest(extract(epoch FROM least(until, now()) - greatest(first, begun)), 0)
                      / coalesce(interval_s, 5) + 1e-6);
    SELECT coalesce(sum(polled), 0) INTO polled
      FROM sungrow_reports
     WHERE device_id = of_device AND kind = of_kind AND slot >= first AND slot < until;
    SELECT coalesce(sum(count), 0), coalesce(jsonb_object_agg(reason, count), '{}')
      INTO failed, failed_reasons
      FROM (SELECT key AS reason, sum(value::bigint) AS count
              FROM sungrow_reports, jsonb_each_text(failed)
             WHERE device_id = of_device AND kind = of_kind AND slot >= first AND slot < until
             GROUP BY 1) AS reasons;
    -- One that was parked, mended and released is among the stored ones.
    SELECT count(*) INTO parked FROM sungrow_parked p
     WHERE device_id = of_device AND kind = of_kind AND coalesce(ts, received_at) >= first
       AND coalesce(ts, received_at) < until
       AND NOT EXISTS (SELECT FROM sungrow_seqs s
                        WHERE s.device_id = of_device AND s.kind = of_kind AND s.boot = p.boot AND s.seqs @> p.seq
                          AND s.slot = sungrow_slot(p.ts));
    SELECT m.forgotten, m.thinned, m.in_transit, m.lost INTO forgotten, thinned, in_transit, lost
      FROM by_day_missing(of_device, first, until, of_kind) AS m;
END
$$;
