-- What one counter counted between each two of some rising moments that follow each other; null: it says nothing.
-- exact: the readings around both ends are at most a minute from them, and no step between was one that no counter
-- makes (is_broken).
CREATE OR REPLACE FUNCTION p1_between(of_device text, of_counter text, moments timestamptz[], by_day boolean DEFAULT false)
RETURNS TABLE (starts timestamptz, ends timestamptz, counted double precision, is_exact boolean, is_broken boolean)
LANGUAGE sql STABLE AS $$
    SELECT moment, next_moment, CASE WHEN is_before_last AND next_is_after_first THEN next_counted - counted END,
           coalesce(greatest(before_s, after_s) <= 60 AND greatest(next_before_s, next_after_s) <= 60
                    AND num_nulls(before_s, after_s, next_before_s, next_after_s) = 0, false)
           AND next_breaks_begun = breaks_ended,
           next_breaks_begun > breaks_ended AND is_before_last AND next_is_after_first
      FROM (SELECT *, lead(moment) OVER w AS next_moment, lead(counted) OVER w AS next_counted,
                   lead(before_s) OVER w AS next_before_s, lead(after_s) OVER w AS next_after_s,
                   lead(breaks_begun) OVER w AS next_breaks_begun,
                   lead(is_after_first) OVER w AS next_is_after_first
              FROM p1_marks(of_device, of_counter, moments, by_day) WINDOW w AS (ORDER BY moment)) AS pair
     WHERE next_moment IS NOT NULL
$$;
COMMENT ON FUNCTION p1_between IS 'What a counter of a grid meter (import, export, gas, water) counted between each two of some moments.';
