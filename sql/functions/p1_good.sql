-- The readings of one counter (import, export, gas, water) that its energies are computed from, between two
-- moments and on to the first that can be right on either side of them: those at both ends of each row of p1_5min or,
-- by_day, of p1_local_daily, which are the ones around every boundary; and all readings where one of these is
-- doubtful. counted goes on counting where the counter does not: over a step that no counter makes (is_break) it
-- rises by what the powers say.
--
-- The two hours before and behind are looked at too, so that a reading is judged alike whatever is asked.
CREATE OR REPLACE FUNCTION p1_good(of_device text, of_counter text, first timestamptz, until timestamptz, by_day boolean)
RETURNS TABLE (ts timestamptz, counted double precision, is_break boolean)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
DECLARE
    pieces p1_piece[];
    doubts tstzmultirange;
    low timestamptz;
    high timestamptz;
    times timestamptz[];
    totals double precision[];
    meters text[];
BEGIN
    SELECT w.low, w.high INTO low, high FROM p1_window(of_device, of_counter, first, until) AS w;
    IF by_day THEN
        pieces := ARRAY(SELECT p FROM p1_daily_pieces(of_device, of_counter,
            (low AT TIME ZONE sungrow_timezone(of_device))::date,
            (high AT TIME ZONE sungrow_timezone(of_device))::date + 1) AS p);
    ELSE
        pieces := ARRAY(SELECT p FROM p1_pieces(of_device, of_counter, low, high) AS p);
    END IF;
    doubts := p1_doubtful(pieces);
    IF by_day AND NOT isempty(doubts) THEN
        pieces := ARRAY(
            SELECT day FROM unnest(pieces) AS day WHERE NOT tstzrange(day.starts, day.ends) && doubts
            UNION ALL
            SELECT p FROM unnest(pieces) AS day
             CROSS JOIN LATERAL p1_pieces(of_device, of_counter, day.starts, day.ends) AS p
             WHERE tstzrange(day.starts, day.ends) && doubts);
        doubts := p1_doubtful(pieces);
    END IF;
    IF isempty(doubts) THEN
        RETURN QUERY
        SELECT (p.first).ts, (p.first).total, false FROM unnest(pieces) AS p
        UNION ALL
        SELECT (p.last).ts, (p.last).total, false FROM unnest(pieces) AS p WHERE (p.last).ts > (p.first).ts;
        RETURN;
    END IF;
    SELECT array_agg(r.ts ORDER BY r.ts), array_agg(r.total ORDER BY r.ts), array_agg(r.meter_id ORDER BY r.ts)
      INTO times, totals, meters
      FROM (SELECT (p.first).ts, (p.first).total, (p.first).meter_id FROM unnest(pieces) AS p
            UNION
            SELECT (p.last).ts, (p.last).total, (p.last).meter_id FROM unnest(pieces) AS p
            UNION
            SELECT (c).ts, (c).total, (c).meter_id
              FROM unnest(doubts) AS span
             CROSS JOIN LATERAL p1_near(of_device, lower(span), upper(span) - interval '1 microsecond') AS n
             CROSS JOIN LATERAL (SELECT CASE of_counter WHEN 'import' THEN n.import_at WHEN 'export' THEN n.export_at
                                                        WHEN 'gas' THEN n.gas_at ELSE n.water_at END AS c) AS told
             WHERE (c).total IS NOT NULL) AS r;
    RETURN QUERY
    WITH chain AS MATERIALIZED (
        SELECT times[number] AS ts, totals[number] AS total, is_break,
               lag(times[number]) OVER (ORDER BY number) AS before_ts,
               lag(totals[number]) OVER (ORDER BY number) AS before
          FROM p1_chain(times, totals, meters)
    )
    SELECT ts, total + coalesce(sum(CASE WHEN is_break THEN before - total
                                         + p1_by_power(of_device, of_counter, before_ts, ts) END)
                                OVER (ORDER BY ts), 0), is_break
      FROM chain;
END
$$;
