-- The local days of a device as a job of server.nightly has to see them: a hash of all that the day's rollups say, those
-- of the house with its grid (P1) meter among them (null: there are none any more), and whether that is another one than
-- the job has seen.
CREATE OR REPLACE FUNCTION sungrow_nightly_days(of_job text, of_device text)
RETURNS TABLE (day date, seen bigint, has_changed boolean) LANGUAGE sql STABLE AS $$
    SELECT day, today.seen, before.seen IS NULL OR today.seen IS DISTINCT FROM before.seen
      FROM (SELECT daily.bucket AS day,
                   hash_record_extended(daily, 0) # coalesce(hash_record_extended(house, 1), 0) AS seen
              FROM sungrow_local_daily AS daily
              LEFT JOIN (SELECT * FROM sungrow_house_daily WHERE device_id = of_device) AS house
                     ON house.bucket = daily.bucket
             WHERE daily.device_id = of_device) AS today
      FULL JOIN (SELECT day, seen FROM sungrow_nightly WHERE job = of_job AND device_id = of_device) AS before
     USING (day)
$$;
COMMENT ON FUNCTION sungrow_nightly_days IS 'The local days of a device, with a hash of their rollups, and whether a job of server.nightly has seen another one.';
