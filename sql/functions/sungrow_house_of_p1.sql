-- Joins again the five minutes whose samples may pair with new readings of the grid meter.
CREATE OR REPLACE FUNCTION sungrow_house_of_p1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    house record;
BEGIN
    IF TG_RELID <> 'p1_samples'::regclass THEN
        RETURN NULL; -- a rebuild, which sees to the house itself
    END IF;
    FOR house IN
        SELECT device_id, array_agg(DISTINCT bucket) AS buckets
          FROM (SELECT device_id, date_bin('5 minutes', ts + make_interval(secs => lag_s + away_s),
                                           '2000-01-01 00:00Z') AS bucket
                  FROM (SELECT device_id, sungrow_p1_lag_s(device_id) AS lag_s
                          FROM new_samples GROUP BY device_id OFFSET 0) AS houses
                  JOIN new_samples USING (device_id)
                 CROSS JOIN unnest('{-15, 15}'::float8[]) AS away_s) AS reached
          JOIN sungrow_5min USING (device_id, bucket)
         GROUP BY device_id
    LOOP
        PERFORM sungrow_house_make(house.device_id, house.buckets, array_agg(ts), array_agg(power_w))
           FROM new_samples WHERE device_id = house.device_id;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_the_house AFTER INSERT ON p1_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_house_of_p1();
