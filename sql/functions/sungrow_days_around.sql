-- Which days have to be read for the energies of some days: whole months, for the share of the loss,
-- and of each counter the two days on either side that have it.
CREATE OR REPLACE FUNCTION sungrow_days_around(of_device text, first date, until date, OUT low date, OUT high date)
LANGUAGE sql STABLE AS $$
    SELECT least(date_trunc('month', first::timestamp)::date, min(before.bucket)),
           greatest((date_trunc('month', (until - 1)::timestamp) + interval '1 month')::date,
                    max(after.bucket) + 1)
      FROM generate_series(1, 5) AS counter
      LEFT JOIN LATERAL (
            SELECT bucket FROM sungrow_local_daily
             WHERE device_id = of_device AND bucket < first AND bucket >= first - 366
               AND coalesce((sungrow_kwh(counters_last))[counter],
                            (sungrow_kwh(counters_first))[counter]) IS NOT NULL
             ORDER BY bucket DESC LIMIT 2) AS before ON true
      LEFT JOIN LATERAL (
            SELECT bucket FROM sungrow_local_daily
             WHERE device_id = of_device AND bucket >= until AND bucket < until + 366
               AND coalesce((sungrow_kwh(counters_last))[counter],
                            (sungrow_kwh(counters_first))[counter]) IS NOT NULL
             ORDER BY bucket LIMIT 2) AS after ON true
$$;
