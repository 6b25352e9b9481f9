-- The reading of the grid meter nearest to a moment less the lag of the house, at most a minute away, the earlier one
-- on a tie; nulls without any. For the newest sample alone: the rollups join by sungrow_house_sums. A house without a
-- grid meter costs one look at an index. The plan is made again each time, as in sungrow_newest_sample.
CREATE OR REPLACE FUNCTION sungrow_p1_near(of_device text, at timestamptz, OUT p1_ts timestamptz, OUT p1_power_w double precision)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF EXISTS (SELECT FROM p1_5min WHERE device_id = of_device
                  AND bucket > at - interval '15 minutes' AND bucket < at + interval '10 minutes') THEN
        at := at - make_interval(secs => sungrow_p1_lag_s(of_device));
        SELECT ts, power_w INTO p1_ts, p1_power_w FROM p1_samples
         WHERE device_id = of_device AND power_w IS NOT NULL
           AND ts >= at - interval '1 minute' AND ts <= at + interval '1 minute'
         ORDER BY abs(date_part('epoch', ts - at)), ts LIMIT 1;
    END IF;
END
$$;
