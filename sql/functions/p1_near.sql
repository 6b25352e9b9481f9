-- What the rollup needs of the readings between two moments, both inclusive. A function of its own, so that its
-- plan is made with these moments, and knows which chunks of TimescaleDB it can do without.
CREATE OR REPLACE FUNCTION p1_near(of_device text, first timestamptz, last timestamptz)
RETURNS TABLE (ts timestamptz, power_w double precision, draw_w double precision, import_at p1_counter,
               export_at p1_counter, gas_at p1_counter, water_at p1_counter)
LANGUAGE plpgsql STABLE ROWS 20 SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT ts, sungrow_or_zero(power_w), p1_draw_w(import_power_w, power_w),
           ROW(ts, p1_total(energy_import_kwh, import_t1_kwh, import_t2_kwh), meter_id)::p1_counter,
           ROW(ts, p1_total(energy_export_kwh, export_t1_kwh, export_t2_kwh), meter_id)::p1_counter,
           ROW(ts, sungrow_or_zero(gas_m3), NULL)::p1_counter,
           ROW(ts, sungrow_or_zero(water_m3), NULL)::p1_counter
      FROM p1_samples WHERE device_id = of_device AND ts BETWEEN first AND last;
END
$$;
