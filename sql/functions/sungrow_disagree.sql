-- Whether a counter and the powers cannot both be right about the same time. Meters differ by some percent,
-- conversion takes up to a tenth; 0.3 kWh are three of a counter's digits, which is much on a quiet day.
CREATE OR REPLACE FUNCTION sungrow_disagree(counter_kwh double precision, power_kwh double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT abs(counter_kwh - power_kwh) > 0.3
       AND (counter_kwh > 1.3 * power_kwh OR counter_kwh < 0.8 * power_kwh)
$$;
