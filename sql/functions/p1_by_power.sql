-- What the powers say of a time for which a counter says nothing, in kWh: after from_ts, up to to_ts. Each reading
-- represents the time since the one before, at most 60 seconds. Of gas and water there is no power.
CREATE OR REPLACE FUNCTION p1_by_power(of_device text, of_counter text, from_ts timestamptz, to_ts timestamptz)
RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(CASE of_counter WHEN 'import' THEN draw_w
                                        WHEN 'export' THEN greatest(draw_w - power_w, 0) END * (stands_s / 3600)) / 1000, 0)
      FROM (SELECT ts, power_w, draw_w, p1_stands_s(lag(ts) OVER (ORDER BY ts), ts) AS stands_s
              FROM p1_near(of_device, from_ts, to_ts)) AS near
     WHERE ts > from_ts
$$;
