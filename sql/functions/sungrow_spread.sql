-- The local days that a step spans, with the share of each by time.
CREATE OR REPLACE FUNCTION sungrow_spread(
    from_ts timestamptz, to_ts timestamptz, from_day date, to_day date, kwh double precision, zone text)
RETURNS TABLE (day date, kwh double precision) LANGUAGE sql STABLE AS $$
    SELECT day, kwh * date_part('epoch',
               CASE WHEN day = to_day THEN to_ts ELSE sungrow_midnight(day + 1, zone) END
               - CASE WHEN day = from_day THEN from_ts ELSE sungrow_midnight(day, zone) END)
           / date_part('epoch', to_ts - from_ts)
      FROM (SELECT from_day + number AS day FROM generate_series(0, to_day - from_day) AS number) AS days
$$;
