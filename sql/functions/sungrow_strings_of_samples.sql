-- Keeps sungrow_strings_5min in the transaction that stores the samples, late ones included. Where no string was read
-- it looks at the new rows, and that is all.
--
-- The inverter tells voltage and current of each string, and the power of all. The currents are cut off at a tenth of
-- an ampere, so what the strings' own products lack of the whole is given to each by its part. A current that flows
-- back, or a voltage or current that no inverter can tell from nothing, gives no power; where no string has any, each
-- gives 0. What no string can have (an infinity, 1e300 V) counts as not read: nothing in here may fail.
CREATE OR REPLACE FUNCTION sungrow_strings_of_samples() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_samples
                WHERE coalesce(mppt1_voltage_v, mppt2_voltage_v, mppt3_voltage_v, mppt4_voltage_v) IS NOT NULL) THEN
        INSERT INTO sungrow_strings_5min AS r (
            device_id, bucket, string, u_sum, i_sum, p_sum, p_max, integral_kwh, n, limited_n)
        SELECT device_id, bucket, string, sum(u), sum(i), sum(p), max(p), sum(p * hours) / 1000, count(*),
               count(*) FILTER (WHERE is_limited)
          FROM (SELECT device_id, bucket, string, hours, is_limited,
                       CASE string WHEN 1 THEN u1 WHEN 2 THEN u2 WHEN 3 THEN u3 ELSE u4 END AS u,
                       CASE string WHEN 1 THEN i1 WHEN 2 THEN i2 WHEN 3 THEN i3 ELSE i4 END AS i,
                       coalesce(pv_w * (CASE string WHEN 1 THEN va1 WHEN 2 THEN va2 WHEN 3 THEN va3 ELSE va4 END / nullif(
                           coalesce(va1, 0) + coalesce(va2, 0) + coalesce(va3, 0) + coalesce(va4, 0), 0)), 0) AS p
                  FROM (SELECT device_id, date_bin('5 minutes', ts, '2000-01-01 00:00Z') AS bucket,
                               CASE WHEN pv_power_w > 1e-3 THEN pv_power_w ELSE 0 END AS pv_w, interval_s / 3600 AS hours,
                               mppt1_voltage_v AS u1, mppt1_current_a AS i1, mppt2_voltage_v AS u2, mppt2_current_a AS i2,
                               mppt3_voltage_v AS u3, mppt3_current_a AS i3, mppt4_voltage_v AS u4, mppt4_current_a AS i4,
                               sungrow_string_va(mppt1_voltage_v, mppt1_current_a) AS va1,
                               sungrow_string_va(mppt2_voltage_v, mppt2_current_a) AS va2,
                               sungrow_string_va(mppt3_voltage_v, mppt3_current_a) AS va3,
                               sungrow_string_va(mppt4_voltage_v, mppt4_current_a) AS va4,
                               running_state IN (33024, 33280, 128)
                                   OR inverter_power_w >= 0.985 * nullif(nominal_power_w, 0) AS is_limited
                          FROM new_samples LEFT JOIN sungrow_devices USING (device_id) OFFSET 0) AS sample
                  -- Joined with four numbers: a list of four rows for each sample took twice as long.
                  JOIN (VALUES (1::smallint), (2), (3), (4)) AS input (string)
                    ON CASE string WHEN 1 THEN va1 WHEN 2 THEN va2 WHEN 3 THEN va3 ELSE va4 END IS NOT NULL
                OFFSET 0) AS of_string
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 -- one order of locks for all writers
        ON CONFLICT (device_id, bucket, string) DO UPDATE SET
            u_sum = r.u_sum + excluded.u_sum, i_sum = r.i_sum + excluded.i_sum, p_sum = r.p_sum + excluded.p_sum,
            p_max = greatest(r.p_max, excluded.p_max), integral_kwh = r.integral_kwh + excluded.integral_kwh,
            n = r.n + excluded.n, limited_n = r.limited_n + excluded.limited_n;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_strings AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_strings_of_samples();
