-- Joins a span of time of a house again as sungrow_house_make does, but for some quarter hours, whose samples are gone,
-- and for those whose readings of the grid meter are: what was joined of them stays. A sample may pair with a reading
-- of another five minutes, hence the margins.
CREATE OR REPLACE FUNCTION sungrow_house_make_span(
    of_device text, first timestamptz, until timestamptz, slots timestamptz[])
RETURNS void LANGUAGE sql AS $$
    SELECT sungrow_house_make(of_device, buckets)
      FROM (SELECT array_agg(bucket) AS buckets
              FROM (SELECT bucket FROM sungrow_5min
                     WHERE device_id = of_device AND bucket >= first - interval '15 minutes'
                       AND bucket < until + interval '15 minutes'
                    UNION
                    SELECT bucket FROM sungrow_house_5min
                     WHERE device_id = of_device AND bucket >= first - interval '15 minutes'
                       AND bucket < until + interval '15 minutes') AS known
             WHERE sungrow_slot(bucket) <> ALL (slots) AND sungrow_slot(bucket) NOT IN (
                   SELECT slot
                     FROM (SELECT sungrow_slot(bucket) AS slot, sum(sample_count) AS rolled FROM p1_5min
                            WHERE device_id = of_device AND bucket >= first - interval '30 minutes'
                              AND bucket < until + interval '30 minutes' GROUP BY 1) AS told
                     LEFT JOIN (SELECT sungrow_slot(ts) AS slot, count(*) AS raw FROM p1_samples
                                 WHERE device_id = of_device AND ts >= first - interval '45 minutes'
                                   AND ts < until + interval '45 minutes' GROUP BY 1) AS there USING (slot)
                    WHERE rolled > coalesce(raw, 0))
             GROUP BY date_trunc('day', bucket)) AS day
$$;
