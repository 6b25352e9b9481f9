-- What became of the inverter's readings of one local day of one device: sungrow_kind_completeness, by the name and
-- with the columns that views and reports know.
CREATE OR REPLACE FUNCTION sungrow_day_completeness(of_device text, of_day date,
    OUT expected bigint, OUT polled bigint, OUT failed bigint, OUT failed_reasons jsonb,
    OUT stored bigint, OUT parked bigint, OUT thinned bigint, OUT forgotten bigint,
    OUT in_transit bigint, OUT lost bigint)
LANGUAGE sql STABLE AS $$
    SELECT expected, polled, failed, failed_reasons, stored, parked, thinned, forgotten, in_transit, lost
      FROM sungrow_kind_completeness(of_device, of_day, 'sample')
$$;
