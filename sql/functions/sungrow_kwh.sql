-- The five counters are handled by one text each: as the elements of arrays in this order. A total of less
-- than a thousandth of a kWh counts as not read, as one of 0 does.
CREATE OR REPLACE FUNCTION sungrow_kwh(sungrow_counters) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[CASE WHEN ($1).pv_total_kwh >= 1e-3 THEN ($1).pv_total_kwh END,
                 CASE WHEN ($1).total_import_kwh >= 1e-3 THEN ($1).total_import_kwh END,
                 CASE WHEN ($1).total_export_kwh >= 1e-3 THEN ($1).total_export_kwh END,
                 CASE WHEN ($1).battery_total_charge_kwh >= 1e-3 THEN ($1).battery_total_charge_kwh END,
                 CASE WHEN ($1).battery_total_discharge_kwh >= 1e-3
                      THEN ($1).battery_total_discharge_kwh END]
$$;
