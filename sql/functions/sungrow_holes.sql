-- The holes in the numbers of a device's readings of one kind between two moments: sungrow_holes_between, of one part.
CREATE OR REPLACE FUNCTION sungrow_holes(of_device text, first timestamptz, until timestamptz, of_kind text)
RETURNS TABLE (boot text, seqs int8multirange, slot_before timestamptz, slot_after timestamptz,
               received_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT boot, seqs, slot_before, slot_after, received_at
      FROM sungrow_holes_between(of_device, ARRAY[first, until], of_kind)
$$;
