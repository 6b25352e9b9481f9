-- Called with each report of a device's facts. Another serial than the last one means another
-- inverter: since the edge's first reading of it or, where the edge does not say, since the newest
-- reading that is stored.
CREATE OR REPLACE FUNCTION sungrow_note_inverter(of_device text, serial text, since timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sungrow_inverters AS i (device_id, since, serial)
    SELECT $1, CASE WHEN known IS NULL THEN '-infinity'
                    ELSE coalesce($3, newest + interval '1 microsecond', now()) END, $2
      FROM (SELECT (SELECT i.serial FROM sungrow_inverters AS i
                     WHERE device_id = $1 ORDER BY i.since DESC LIMIT 1) AS known,
                   (SELECT last_ts FROM sungrow_local_daily
                     WHERE device_id = $1 ORDER BY bucket DESC LIMIT 1) AS newest) AS before
     WHERE $2 <> coalesce(known, '')
    ON CONFLICT (device_id, since) DO UPDATE SET serial = excluded.serial
$$;
