-- The first moment of a local day. Of two midnights (Havana, in autumn) PostgreSQL takes the second.
CREATE OR REPLACE FUNCTION sungrow_midnight(day date, timezone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN ((day::timestamp AT TIME ZONE timezone - interval '1 hour')
                      AT TIME ZONE timezone)::date >= day
                THEN day::timestamp AT TIME ZONE timezone - interval '1 hour'
                ELSE day::timestamp AT TIME ZONE timezone END
$$;
