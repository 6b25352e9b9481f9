-- Whether the powers judge a counter: where they are known for a quarter of a local day or of what has passed of
-- it, and for nearly all that was polled of it. Compared are only the steps of which they tell, so what a counter
-- went on to count while nobody polled speaks neither for it nor against it.
CREATE OR REPLACE FUNCTION sungrow_judges(known_s double precision, covered_s double precision, day date, zone text)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT known_s >= 0.9 * covered_s
           AND known_s >= 0.25 * date_part('epoch', CASE WHEN now() > first AND now() < until THEN now()
                                                         ELSE until END - first)
      FROM (SELECT sungrow_midnight(day, zone) AS first, sungrow_midnight(day + 1, zone) AS until) AS day
$$;
