-- What became of the readings between two moments that are neither stored nor parked: sungrow_missing_between, of one
-- part.
CREATE OR REPLACE FUNCTION sungrow_missing(of_device text, first timestamptz, until timestamptz, of_kind text,
    OUT forgotten bigint, OUT thinned bigint, OUT in_transit bigint, OUT lost bigint)
LANGUAGE sql STABLE AS $$
    SELECT forgotten, thinned, in_transit, lost
      FROM sungrow_missing_between(of_device, ARRAY[first, until], of_kind)
$$;
