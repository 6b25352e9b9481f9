-- Completeness as a number: which polls of each boot arrived, and what became of the others.
--
-- The edge numbers the readings of a boot, so a number that is missing between two that are here is a
-- reading that is not. A trigger keeps the numbers by quarter hour, as ranges: a year without a hole is
-- 35,000 short rows, where counting raw samples would read six million. Quarter hours, because every
-- zone's midnight is the start of one.
CREATE TABLE sungrow_seqs (
    device_id   text NOT NULL,
    slot        timestamptz NOT NULL,
    boot        text NOT NULL,
    seqs        int8multirange NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, slot, boot)
) WITH (fillfactor = 70);
CREATE INDEX sungrow_seqs_boot ON sungrow_seqs (device_id, boot, slot);
COMMENT ON TABLE sungrow_seqs IS 'Numbers (seq) of the stored samples of one boot and one quarter hour UTC; slot is its start.';
COMMENT ON COLUMN sungrow_seqs.received_at IS 'when the last of them was stored';

CREATE INDEX sungrow_reports_slot ON sungrow_reports (device_id, slot);
CREATE INDEX sungrow_reports_received ON sungrow_reports (device_id, received_at);
CREATE INDEX sungrow_parked_time ON sungrow_parked (device_id, (coalesce(ts, received_at)));

CREATE FUNCTION sungrow_slot(ts timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT date_bin('15 minutes', ts, '2000-01-01 00:00Z') $$;

CREATE FUNCTION sungrow_note_seqs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sungrow_seqs AS s (device_id, slot, boot, seqs, received_at)
    SELECT device_id, sungrow_slot(ts), boot, range_agg(int8range(seq, seq, '[]')), max(received_at)
      FROM new_samples WHERE boot IS NOT NULL AND seq IS NOT NULL
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 -- one order of locks for all writers
    ON CONFLICT (device_id, slot, boot) DO UPDATE SET
        seqs = s.seqs + excluded.seqs, received_at = greatest(s.received_at, excluded.received_at);
    RETURN NULL;
END
$$;
INSERT INTO sungrow_seqs (device_id, slot, boot, seqs, received_at)
SELECT device_id, sungrow_slot(ts), boot, range_agg(int8range(seq, seq, '[]')), max(received_at)
  FROM sungrow_samples WHERE boot IS NOT NULL AND seq IS NOT NULL
 GROUP BY 1, 2, 3;
CREATE TRIGGER sungrow_seqs AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_note_seqs();

CREATE FUNCTION sungrow_timezone(of_device text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT timezone FROM sungrow_devices WHERE device_id = of_device), timezone)
      FROM sungrow_site
$$;

-- The first moment of a local day. Of two midnights (Havana, in autumn) PostgreSQL takes the second.
CREATE FUNCTION sungrow_midnight(day date, timezone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN ((day::timestamp AT TIME ZONE timezone - interval '1 hour')
                      AT TIME ZONE timezone)::date >= day
                THEN day::timestamp AT TIME ZONE timezone - interval '1 hour'
                ELSE day::timestamp AT TIME ZONE timezone END
$$;

-- The holes in the numbers of a device between two moments, those that only begin or end there
-- included, and those that span them: the missing numbers, the quarter hours of the readings on either side, and
-- when the server could first see the hole.
CREATE FUNCTION sungrow_holes(of_device text, first timestamptz, until timestamptz)
RETURNS TABLE (boot text, seqs int8multirange, slot_before timestamptz, slot_after timestamptz,
               received_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH inside AS MATERIALIZED (
        SELECT boot, slot, seqs, received_at FROM sungrow_seqs
         WHERE device_id = of_device AND slot >= first AND slot < until
    ), parked AS MATERIALIZED (
        SELECT boot, sungrow_slot(coalesce(ts, received_at)) AS slot,
               int8range(seq, seq, '[]') AS seqs, received_at
          FROM sungrow_parked
         WHERE device_id = of_device AND coalesce(ts, received_at) >= first
           AND coalesce(ts, received_at) < until
    ), boots AS (
        SELECT boot FROM inside UNION SELECT boot FROM parked
        UNION (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND slot < first
                ORDER BY slot DESC LIMIT 1)
        UNION (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND slot >= until
                ORDER BY slot LIMIT 1)
    ), here AS (
        SELECT boot, slot, unnest(seqs) AS seqs, received_at FROM inside
        UNION ALL SELECT boot, slot, seqs, received_at FROM parked
        UNION ALL
        SELECT boots.boot, beside.slot, unnest(beside.seqs), beside.received_at
          FROM boots CROSS JOIN LATERAL (
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND s.boot = boots.boot AND slot < first
              ORDER BY slot DESC LIMIT 1)
            UNION ALL
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND s.boot = boots.boot AND slot >= until
              ORDER BY slot LIMIT 1)) AS beside
    ), ordered AS (
        SELECT boot, seqs, slot, received_at, max(upper(seqs)) OVER before AS low,
               lag(slot) OVER before_one AS slot_before,
               lag(received_at) OVER before_one AS received_before
          FROM here
        WINDOW before_one AS (PARTITION BY boot ORDER BY lower(seqs), upper(seqs)),
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
                 WHERE device_id = of_device AND boot = b.boot OFFSET 0) AS s
             WHERE s.seqs && b.seqs
            UNION ALL
            SELECT b.boot, int8multirange(int8range(p.seq, p.seq, '[]'))
              FROM by_boot b CROSS JOIN LATERAL (
                SELECT seq FROM sungrow_parked
                 WHERE device_id = of_device AND boot = b.boot OFFSET 0) AS p
             WHERE b.seqs @> p.seq) AS known
         GROUP BY boot
    )
    SELECT boot, hole.seqs - coalesce(elsewhere.seqs, '{}'), slot_before, slot_after, received_at
      FROM hole LEFT JOIN elsewhere USING (boot)
     WHERE NOT hole.seqs <@ coalesce(elsewhere.seqs, '{}');
END
$$;

-- Which share of a hole lies before a moment. Between its quarter hours the missing readings are taken
-- to lie in even steps; those of one quarter hour all lie before its end.
CREATE FUNCTION sungrow_share(moment timestamptz, slot_before timestamptz, slot_after timestamptz)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN moment >= greatest(low, slot_after) THEN 1
                WHEN moment <= low THEN 0
                ELSE extract(epoch FROM moment - low) / extract(epoch FROM slot_after - low) END
      FROM (SELECT least(slot_before, slot_after) + interval '15 minutes' AS low) AS hole
$$;

-- What became of the readings between two moments that are neither stored nor parked. The first that
-- applies: forgotten; thinned, as far as the edge's counts go; in transit; lost. In transit is what may
-- be among the readings that wait at the edge by its newest report, or what no report can have spoken
-- of yet, since one follows within a minute of an upload.
CREATE FUNCTION sungrow_missing(of_device text, first timestamptz, until timestamptz,
    OUT forgotten bigint, OUT thinned bigint, OUT in_transit bigint, OUT lost bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    report sungrow_reports;
BEGIN
    SELECT * INTO report FROM sungrow_reports
     WHERE device_id = of_device ORDER BY received_at DESC, slot DESC LIMIT 1;
    WITH hole AS (
        SELECT *, (SELECT sum(upper(part) - lower(part)) FROM unnest(seqs) AS part) AS size,
               greatest(least(slot_before, slot_after), first) AS begins,
               least(greatest(slot_before, slot_after) + interval '15 minutes', until) AS ends
          FROM sungrow_holes(of_device, first, until)
    ), missing AS MATERIALIZED (
        SELECT *, floor(size * sungrow_share(until, slot_before, slot_after))
                - floor(size * sungrow_share(first, slot_before, slot_after)) AS count
          FROM hole
    ), gap AS MATERIALIZED (
        SELECT from_ts, to_ts, count FROM sungrow_gaps
         WHERE device_id = of_device AND cause = 'thinned' AND from_ts < until AND to_ts >= first
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

-- One local day of one device. expected: the polls that the part of the day that is over has room for,
-- at the interval of its samples. polled and failed: as the edge reported, which knows why.
CREATE FUNCTION sungrow_day_completeness(of_device text, of_day date,
    OUT expected bigint, OUT polled bigint, OUT failed bigint, OUT failed_reasons jsonb,
    OUT stored bigint, OUT parked bigint, OUT thinned bigint, OUT forgotten bigint,
    OUT in_transit bigint, OUT lost bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    zone text := sungrow_timezone(of_device);
    first timestamptz := sungrow_midnight(of_day, zone);
    until timestamptz := sungrow_midnight(of_day + 1, zone);
    interval_s double precision;
BEGIN
    SELECT sample_count, covered_s / sample_count INTO stored, interval_s
      FROM sungrow_local_daily WHERE device_id = of_device AND bucket = of_day;
    stored := coalesce(stored, 0);
    expected := floor(greatest(extract(epoch FROM least(until, now()) - first), 0)
                      / coalesce(interval_s, 5) + 1e-6);
    SELECT coalesce(sum(polled), 0) INTO polled
      FROM sungrow_reports WHERE device_id = of_device AND slot >= first AND slot < until;
    SELECT coalesce(sum(count), 0), coalesce(jsonb_object_agg(reason, count), '{}')
      INTO failed, failed_reasons
      FROM (SELECT key AS reason, sum(value::bigint) AS count
              FROM sungrow_reports, jsonb_each_text(failed)
             WHERE device_id = of_device AND slot >= first AND slot < until GROUP BY 1) AS reasons;
    -- One that was parked, mended and released stands among the stored ones.
    SELECT count(*) INTO parked FROM sungrow_parked p
     WHERE device_id = of_device AND coalesce(ts, received_at) >= first
       AND coalesce(ts, received_at) < until
       AND NOT EXISTS (SELECT FROM sungrow_seqs s
                        WHERE s.device_id = of_device AND s.boot = p.boot AND s.seqs @> p.seq
                          AND s.slot = sungrow_slot(p.ts));
    SELECT m.forgotten, m.thinned, m.in_transit, m.lost INTO forgotten, thinned, in_transit, lost
      FROM sungrow_missing(of_device, first, until) AS m;
END
$$;

CREATE VIEW sungrow_completeness AS
SELECT device_id, day, counts.*
  FROM (SELECT device_id, generate_series(min(bucket)::timestamp,
                   greatest(max(bucket), (now() AT TIME ZONE sungrow_timezone(device_id))::date)::timestamp,
                   '1 day')::date AS day
          FROM sungrow_local_daily GROUP BY device_id) AS days
 CROSS JOIN LATERAL sungrow_day_completeness(device_id, day) AS counts;
COMMENT ON VIEW sungrow_completeness IS 'What became of the readings of each local day of a device; lost has to be 0. Give it a device_id and a range of day.';
