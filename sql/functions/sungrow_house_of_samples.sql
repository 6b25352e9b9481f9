-- Joins new samples with the readings of the grid meter that are here already; those that come later see to it
-- themselves (sungrow_house_of_p1). A house without a grid meter costs one look at an index.
CREATE OR REPLACE FUNCTION sungrow_house_of_samples() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    house record;
BEGIN
    FOR house IN SELECT device_id, min(ts) AS first, max(ts) AS last FROM new_samples GROUP BY device_id LOOP
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM p1_5min WHERE device_id = house.device_id
               AND bucket > house.first - interval '15 minutes' AND bucket < house.last + interval '10 minutes');
        PERFORM sungrow_house_add(house.device_id, ARRAY(
            SELECT added FROM sungrow_house_sums(house.device_id, ARRAY(
                SELECT ROW(ts, interval_s, pv_power_w, battery_power_w, battery_soc_pct, inverter_power_w,
                           load_power_w IS NOT NULL AND export_power_w IS NOT NULL)::sungrow_house_sample
                  FROM new_samples WHERE device_id = house.device_id),
                sungrow_p1_lag_s(house.device_id)) AS added));
    END LOOP;
    RETURN NULL;
END
$$;

-- Its name is the last by the alphabet: the rollups of the samples come first.
CREATE OR REPLACE TRIGGER sungrow_the_house AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_house_of_samples();
