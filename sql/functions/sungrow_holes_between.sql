-- The holes in the numbers of a device's readings of one kind, of each part between two of these moments by itself
-- (a day, say; part 1 begins at the first moment): those that only begin or end there included, and those that span
-- it. The missing numbers, the quarter hours of the readings on either side, and when the server could first see the
-- hole.
--
-- All parts in one go: asked day by day, a year takes a hundred times as long. A part looks at what is within and at
-- the next readings of the same boots on either side; only where these leave out a number, at each of them.
CREATE OR REPLACE FUNCTION sungrow_holes_between(of_device text, moments timestamptz[], of_kind text)
RETURNS TABLE (part integer, boot text, seqs int8multirange, slot_before timestamptz, slot_after timestamptz,
               received_at timestamptz)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH span AS MATERIALIZED (
        SELECT part, moments[part] AS first, moments[part + 1] AS until
          FROM generate_series(1, cardinality(moments) - 1) AS part
    ), inside AS MATERIALIZED (
        SELECT width_bucket(slot, moments) AS part, boot, slot, seqs, received_at FROM sungrow_seqs
         WHERE device_id = of_device AND kind = of_kind
           AND slot >= moments[1] AND slot < moments[cardinality(moments)]
        UNION ALL
        SELECT width_bucket(coalesce(ts, received_at), moments), boot, sungrow_slot(coalesce(ts, received_at)),
               int8multirange(int8range(seq, seq, '[]')), received_at
          FROM sungrow_parked
         WHERE device_id = of_device AND kind = of_kind
           AND coalesce(ts, received_at) >= moments[1] AND coalesce(ts, received_at) < moments[cardinality(moments)]
    ), of_boot AS MATERIALIZED (
        SELECT part, boot, range_agg(seqs) AS seqs FROM inside GROUP BY 1, 2
    ), boots AS (
        SELECT part, boot FROM of_boot
        UNION
        SELECT part, beside.boot FROM span CROSS JOIN LATERAL (
            (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND kind = of_kind AND slot < first
              ORDER BY slot DESC, boot DESC LIMIT 1)
            UNION ALL
            (SELECT boot FROM sungrow_seqs WHERE device_id = of_device AND kind = of_kind AND slot >= until
              ORDER BY slot, boot LIMIT 1)) AS beside
    ), beside AS MATERIALIZED (
        SELECT part, boots.boot, beside.* FROM boots JOIN span USING (part) CROSS JOIN LATERAL (
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND kind = of_kind AND s.boot = boots.boot AND slot < first
              ORDER BY slot DESC LIMIT 1)
            UNION ALL
            (SELECT slot, seqs, received_at FROM sungrow_seqs s
              WHERE device_id = of_device AND kind = of_kind AND s.boot = boots.boot AND slot >= until
              ORDER BY slot LIMIT 1)) AS beside
    ), broken AS MATERIALIZED ( -- where the numbers are not one after the other
        SELECT part, boot FROM (
            SELECT part, boot, range_agg(seqs) AS seqs
              FROM (SELECT part, boot, seqs FROM of_boot UNION ALL SELECT part, boot, seqs FROM beside) AS near
             GROUP BY 1, 2) AS whole
         WHERE seqs <> int8multirange(range_merge(seqs))
    ), here AS (
        SELECT part, boot, slot, unnest(seqs) AS seqs, received_at
          FROM (SELECT * FROM inside UNION ALL SELECT * FROM beside) AS near JOIN broken USING (part, boot)
    ), ordered AS (
        SELECT part, boot, seqs, slot, received_at, max(upper(seqs)) OVER before AS low,
               lag(slot) OVER before_one AS slot_before,
               lag(received_at) OVER before_one AS received_before
          FROM here
        WINDOW before_one AS (PARTITION BY part, boot ORDER BY lower(seqs), upper(seqs), slot),
               before AS (before_one ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), hole AS MATERIALIZED (
        SELECT part, boot, int8multirange(int8range(low, lower(seqs))) AS seqs, slot_before,
               slot AS slot_after, greatest(received_at, received_before) AS received_at
          FROM ordered JOIN span USING (part)
         WHERE low < lower(seqs)
           AND greatest(slot_before, slot) >= first AND least(slot_before, slot) < until
    ), by_boot AS MATERIALIZED (
        SELECT boot, range_agg(seqs) AS seqs FROM hole GROUP BY boot
    ), elsewhere AS MATERIALIZED ( -- a clock that was set brings numbers to other days than their neighbours
        SELECT boot, known.seqs * by_boot.seqs AS seqs
          FROM by_boot CROSS JOIN LATERAL (
            SELECT range_agg(seqs) AS seqs FROM (
                -- OFFSET 0: boot by boot. A plain join reads all that the device ever had, since the
                -- planner takes the few boots of a day for two hundred.
                (SELECT seqs FROM sungrow_seqs s
                  WHERE device_id = of_device AND kind = of_kind AND s.boot = by_boot.boot OFFSET 0)
                UNION ALL
                (SELECT int8multirange(int8range(seq, seq, '[]')) FROM sungrow_parked p
                  WHERE device_id = of_device AND kind = of_kind AND p.boot = by_boot.boot OFFSET 0)) AS one) AS known
    )
    SELECT part, boot, hole.seqs - elsewhere.seqs, slot_before, slot_after, received_at
      FROM hole JOIN elsewhere USING (boot)
     WHERE NOT hole.seqs <@ elsewhere.seqs;
END
$$;
COMMENT ON FUNCTION sungrow_holes_between IS 'The holes in the numbers of a device''s readings of a kind (sample, p1), of each part between two of these moments.';
