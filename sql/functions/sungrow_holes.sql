-- The holes in the numbers of a device's readings of one kind between two moments, those that only begin or end there
-- included, and those that span them: the missing numbers, the quarter hours of the readings on either side, and
-- when the server could first see the hole.
CREATE OR REPLACE FUNCTION sungrow_holes(of_device text, first timestamptz, until timestamptz, of_kind text)
RETURNS TABLE (boot text, seqs int8multirange, slot_before timestamptz, slot_after timestamptz,
               received_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH inside AS MATERIALIZED (
        SELECT boot, slot, seqs, received_at FROM sungrow_seqs
         WHERE device_id = of_device AND kind = of_kind AND slot >= first AND slot < until
    ), parked AS MATERIALIZED (
        SELECT boot, sungrow_slot(coalesce(ts, received_at)) AS slot,
               int8range(seq, seq, '[]') AS seqs, received_at
          FROM sungrow_parked
         WHERE device_id = of_device AND kind = of_kind AND coalesce(ts, received_at) >= first
           AND coalesce(ts, received_at) < until
    ), boots AS (
        SELECT boot FROM inside UNION SELECT boot FROM parked
        UNION (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND kind = of_kind AND slot < first
                ORDER BY slot DESC LIMIT 1)
        UNION (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND kind = of_kind AND slot >= until
                ORDER BY slot LIMIT 1)
    ), here AS (
        SELECT boot, slot, unnest(seqs) AS seqs, received_at FROM inside
        UNION ALL SELECT boot, slot, seqs, received_at FROM parked
        UNION ALL
        SELECT boots.boot, beside.slot, unnest(beside.seqs), beside.received_at
          FROM boots CROSS JOIN LATERAL (
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND kind = of_kind AND s.boot = boots.boot AND slot < first
              ORDER BY slot DESC LIMIT 1)
            UNION ALL
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND kind = of_kind AND s.boot = boots.boot AND slot >= until
              ORDER BY slot LIMIT 1)) AS beside
    ), ordered AS (
        SELECT boot, seqs, slot, received_at, max(upper(seqs)) OVER before AS low,
               lag(slot) OVER before_one AS slot_before,
               lag(received_at) OVER before_one AS received_before
          FROM here
        WINDOW before_one AS (PARTITION BY boot ORDER BY lower(seqs), upper(seqs)),
               before AS (before_one ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), hole AS MATERIALIZED (
        SELECT boot, int8multirange(int8range(low, lower(seqs))) AS seqs, slot_before,
               slot AS slot_after, greatest(received_at, received_before) AS received_at
          FROM ordered
         WHERE low < lower(seqs)
           AND greatest(slot_before, slot) >= first AND least(slot_before, slot) < until
    ), by_boot AS MATERIALIZED (
        SELECT boot, range_agg(seqs) AS seqs FROM hole GROUP BY boot
    ), elsewhere AS ( -- a clock that was set brings numbers to other days than their neighbours
        SELECT boot, range_agg(seqs) AS seqs FROM (
            -- OFFSET 0: boot by boot. A plain join reads all that the device ever had, since the
            -- planner takes the few boots of a day for two hundred.
            SELECT b.boot, s.seqs FROM by_boot b CROSS JOIN LATERAL (
                SELECT seqs FROM sungrow_seqs
                 WHERE device_id = of_device AND kind = of_kind AND boot = b.boot OFFSET 0) AS s
             WHERE s.seqs && b.seqs
            UNION ALL
            SELECT b.boot, int8multirange(int8range(p.seq, p.seq, '[]'))
              FROM by_boot b CROSS JOIN LATERAL (
                SELECT seq FROM sungrow_parked
                 WHERE device_id = of_device AND kind = of_kind AND boot = b.boot OFFSET 0) AS p
             WHERE b.seqs @> p.seq) AS known
         GROUP BY boot
    )
    SELECT boot, hole.seqs - coalesce(elsewhere.seqs, '{}'), slot_before, slot_after, received_at
      FROM hole LEFT JOIN elsewhere USING (boot)
     WHERE NOT hole.seqs <@ coalesce(elsewhere.seqs, '{}');
END
$$;
