-- The house has no counter. It took what the sources gave and neither battery nor grid received, nor
-- was lost. The loss was measured with a part of the sources (sources_kwh); of the rest (nobody polled)
-- it is taken to be the share that it usually is.
CREATE OR REPLACE FUNCTION sungrow_load(
    pv_kwh double precision, import_kwh double precision, export_kwh double precision,
    charge_kwh double precision, discharge_kwh double precision,
    loss_kwh double precision, sources_kwh double precision, loss_share double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pv_kwh + import_kwh + discharge_kwh - export_kwh - charge_kwh
           - loss_kwh - sungrow_or_zero(pv_kwh + import_kwh + discharge_kwh - sources_kwh) * loss_share
$$;
