-- Which readings of a counter can be right, by rising time, and whether the step to each is one that no counter
-- makes (is_break): another meter's, from a counter that began again, or over a jump.
--
-- Where a reading is below the one before, one of the two is wrong. The side is left out that is over sooner: those
-- that follow, until one fits again (a dip), or those before, back to one that fits (a peak). A fall that lasts for
-- more than two hours on both sides is a counter that began again. Of what comes last it is not yet known: a reading
-- that falls back or jumps ahead is left out until ten minutes of readings confirm it, and so is what came first.
CREATE OR REPLACE FUNCTION p1_chain(ts timestamptz[], total double precision[], meter_id text[])
RETURNS TABLE (number int, is_break boolean) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    longest_s CONSTANT double precision := 7200;
    confirmed_s CONSTANT double precision := 600;
    n int := cardinality(ts);
    at_s double precision[] := ARRAY(SELECT date_part('epoch', t) FROM unnest(ts) AS t);
    kept int[] := '{}';
    breaks boolean[] := '{}';
    depth int := 0;
    begun int := 0; -- how many of the kept ones belong to a counter of before
    meter text;
    i int := 1;
    start int;
    top int;
    ahead int;
    back int;
    dip_s double precision;
    peak_s double precision;
BEGIN
    WHILE i <= n LOOP
        IF meter_id[i] <> meter THEN
            begun := depth;
        END IF;
        meter := coalesce(meter_id[i], meter);
        top := kept[depth];
        IF depth > begun AND total[i] < total[top] - 0.0005 THEN
            ahead := i + 1;
            WHILE ahead <= n AND at_s[ahead] - at_s[top] <= longest_s AND (meter_id[ahead] <> meter) IS NOT TRUE
                  AND NOT p1_fits(total[ahead] - total[top], at_s[ahead] - at_s[top]) LOOP
                ahead := ahead + 1;
            END LOOP;
            dip_s := CASE WHEN ahead <= n AND (meter_id[ahead] <> meter) IS NOT TRUE
                               AND at_s[ahead] - at_s[top] <= longest_s THEN at_s[ahead] - at_s[top]
                          WHEN ahead > n AND at_s[n] - at_s[i] < confirmed_s THEN at_s[n] - at_s[top]
                          ELSE 'infinity' END;
            back := depth - 1;
            WHILE back > begun AND at_s[i] - at_s[kept[back]] <= longest_s
                  AND NOT p1_fits(total[i] - total[kept[back]], at_s[i] - at_s[kept[back]]) LOOP
                back := back - 1;
            END LOOP;
            peak_s := CASE WHEN back > begun AND at_s[i] - at_s[kept[back]] <= longest_s
                           THEN at_s[i] - at_s[kept[back]]
                           WHEN back <= begun AND at_s[top] - at_s[kept[begun + 1]] < confirmed_s
                           THEN at_s[i] - at_s[kept[begun + 1]]
                           ELSE 'infinity' END;
            IF least(dip_s, peak_s) = 'infinity' THEN
                begun := depth;
            ELSIF dip_s <= peak_s THEN
                i := ahead;
                CONTINUE;
            ELSE
                depth := back;
            END IF;
        END IF;
        depth := depth + 1;
        kept[depth] := i;
        breaks[depth] := depth > 1 AND (depth = begun + 1
            OR NOT p1_fits(total[i] - total[kept[depth - 1]], at_s[i] - at_s[kept[depth - 1]]));
        i := i + 1;
    END LOOP;
    -- A jump ahead that nothing confirms yet.
    FOR back IN REVERSE depth..begun + 2 LOOP
        IF breaks[back] AND at_s[kept[depth]] - at_s[kept[back]] < confirmed_s THEN
            depth := back - 1;
        END IF;
    END LOOP;
    -- Nor what came first, where another reading follows that it does not lead to.
    start := coalesce((SELECT max(b) FROM generate_series(2, depth) AS b
                        WHERE breaks[b] AND at_s[kept[b - 1]] - at_s[kept[1]] < confirmed_s
                          AND meter_id[kept[b]] IS NOT DISTINCT FROM meter_id[kept[1]]), 1);
    breaks[start] := false;
    RETURN QUERY SELECT unnest(kept[start:depth]), unnest(breaks[start:depth]);
END
$$;
