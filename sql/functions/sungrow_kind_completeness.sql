-- What became of the readings of one kind (sample, p1) of one local day of one device. expected: the polls that the
-- part of the day that is over has room for, at the interval of its readings. Nobody polls before the edge is there: of its
-- first day, expected counts from its first reading on, or from the end of the first quarter hour of which it
-- reported polls; of the days before, nothing is expected. polled and failed: as the edge reported, which
-- knows why. covered: of the grid meter alone, the share of that part of the day that is within 60 seconds after a
-- reading; where its readings have no numbers (other edges send none), nothing else tells.
CREATE OR REPLACE FUNCTION sungrow_kind_completeness(of_device text, of_day date, of_kind text,
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
               / extract(epoch FROM least(until, now()) - first) INTO covered
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
      FROM sungrow_missing(of_device, first, until, of_kind) AS m;
END
$$;
