-- Joins a span of time of a house anew as sungrow_house_make does, but for some quarter hours, whose samples are gone.
CREATE OR REPLACE FUNCTION sungrow_house_make_span(of_device text, first timestamptz, until timestamptz, slots timestamptz[])
RETURNS void LANGUAGE sql AS $$
    SELECT sungrow_house_make(of_device, buckets)
      FROM (SELECT array_agg(bucket) AS buckets
              FROM (SELECT bucket FROM sungrow_5min WHERE device_id = of_device AND bucket >= first AND bucket < until
                    UNION
                    SELECT bucket FROM sungrow_house_5min
                     WHERE device_id = of_device AND bucket >= first AND bucket < until) AS known
             WHERE sungrow_slot(bucket) <> ALL (slots)
             GROUP BY date_trunc('day', bucket)) AS day
$$;
