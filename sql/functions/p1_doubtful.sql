-- The times of which the readings themselves have to be looked at, since a reading at one end of a piece may be
-- none that a counter can have had: the whole of a piece in which it fell, rose too fast or became another
-- meter's, and the five minutes on both sides of a step from one piece to the next that does not fit.
CREATE OR REPLACE FUNCTION p1_doubtful(pieces p1_piece[]) RETURNS tstzmultirange
LANGUAGE sql STABLE AS $$
    WITH beside AS (
        SELECT *, lag(last) OVER (ORDER BY starts) AS before FROM unnest(pieces) AS piece
    ), doubt AS (
        SELECT tstzrange(starts, ends) AS span FROM beside
         WHERE odd_steps > 0 OR (first).total > least + 0.0005 OR (last).total < greatest - 0.0005
            OR (first).meter_id <> (last).meter_id
            OR NOT p1_fits((last).total - (first).total, date_part('epoch', (last).ts - (first).ts))
        UNION ALL
        SELECT tstzrange(date_bin('5 minutes', moment, '2000-01-01 00:00Z'),
                         date_bin('5 minutes', moment, '2000-01-01 00:00Z') + interval '5 minutes')
          FROM beside CROSS JOIN unnest(ARRAY[(before).ts, (first).ts]) AS moment
         WHERE (first).meter_id <> (before).meter_id
            OR NOT p1_fits((first).total - (before).total, date_part('epoch', (first).ts - (before).ts))
    )
    -- What is wrong may have begun before it, or go on behind it.
    SELECT coalesce(range_agg(tstzrange(lower(span) - interval '5 minutes', upper(span) + interval '5 minutes')), '{}')
      FROM doubt
$$;
