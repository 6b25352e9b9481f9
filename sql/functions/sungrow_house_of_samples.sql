-- Joins new samples with the readings of the grid meter that are here already; those that come later see to it
-- themselves (sungrow_house_of_p1). A house without a grid meter costs one look at an index.
CREATE OR REPLACE FUNCTION sungrow_house_of_samples() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_RELID = 'sungrow_samples'::regclass -- else a rebuild, which sees to the house itself
       AND EXISTS (SELECT FROM p1_local_daily WHERE device_id IN (SELECT device_id FROM new_samples)) THEN
        PERFORM sungrow_house_add(device_id, ARRAY(SELECT added FROM sungrow_house_sums(
                    device_id, samples, sungrow_p1_lag_s(device_id)) AS added))
           FROM (SELECT device_id, array_agg(ROW(ts, interval_s, pv_power_w, battery_power_w, battery_soc_pct,
                            inverter_power_w, load_power_w IS NOT NULL AND export_power_w IS NOT NULL
                        )::sungrow_house_sample) AS samples
                   FROM new_samples GROUP BY device_id ORDER BY device_id) AS house;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_the_house AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_house_of_samples();
