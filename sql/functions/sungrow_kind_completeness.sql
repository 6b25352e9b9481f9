-- What became of the readings of one kind (sample, p1) of one local day of one device: sungrow_completeness_days, of
-- one day.
CREATE OR REPLACE FUNCTION sungrow_kind_completeness(of_device text, of_day date, of_kind text,
    OUT expected bigint, OUT polled bigint, OUT failed bigint, OUT failed_reasons jsonb,
    OUT stored bigint, OUT parked bigint, OUT thinned bigint, OUT forgotten bigint,
    OUT in_transit bigint, OUT lost bigint, OUT covered double precision)
LANGUAGE sql STABLE AS $$
    SELECT expected, polled, failed, failed_reasons, stored, parked, thinned, forgotten, in_transit, lost, covered
      FROM sungrow_completeness_days(of_device, of_day, of_day, of_kind)
$$;
