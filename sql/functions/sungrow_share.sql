-- Which share of a hole lies before a moment. Between its quarter hours the missing readings are taken
-- to lie in even steps; those of one quarter hour all lie before its end.
CREATE OR REPLACE FUNCTION sungrow_share(moment timestamptz, slot_before timestamptz, slot_after timestamptz)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN moment >= greatest(low, slot_after) THEN 1
                WHEN moment <= low THEN 0
                ELSE extract(epoch FROM moment - low) / extract(epoch FROM slot_after - low) END
      FROM (SELECT least(slot_before, slot_after) + interval '15 minutes' AS low) AS hole
$$;
