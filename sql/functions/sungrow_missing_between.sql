-- What became of the readings that are neither stored nor parked, in each part between two of these moments (a day,
-- say; part 1 begins at the first moment). The first that applies: forgotten; thinned, as far as the edge's counts go;
-- in transit; lost. In transit is what may be among the readings that wait at the edge by its newest report, or what
-- no report can have spoken of yet, since one follows within a minute of an upload.
CREATE OR REPLACE FUNCTION sungrow_missing_between(of_device text, moments timestamptz[], of_kind text)
RETURNS TABLE (part integer, forgotten bigint, thinned bigint, in_transit bigint, lost bigint)
LANGUAGE plpgsql STABLE SET jit = off AS $$
#variable_conflict use_column
DECLARE
    report sungrow_reports;
    parts integer := cardinality(moments) - 1;
BEGIN
    SELECT * INTO report FROM sungrow_reports
     WHERE device_id = of_device AND kind = of_kind ORDER BY received_at DESC, slot DESC LIMIT 1;
    RETURN QUERY
    WITH hole AS (
        SELECT part, slot_before, slot_after, received_at,
               (SELECT sum(upper(piece) - lower(piece)) FROM unnest(seqs) AS piece) AS size,
               greatest(least(slot_before, slot_after), moments[part]) AS begins,
               least(greatest(slot_before, slot_after) + interval '15 minutes', moments[part + 1]) AS ends
          FROM sungrow_holes_between(of_device, moments, of_kind)
    ), missing AS MATERIALIZED (
        SELECT *, row_number() OVER () AS number FROM (
            SELECT *, floor(size * sungrow_share(moments[part + 1], slot_before, slot_after))
                    - floor(size * sungrow_share(moments[part], slot_before, slot_after)) AS count
              FROM hole) AS counted
    ), gap AS MATERIALIZED (
        SELECT part, from_ts, to_ts, count
          FROM sungrow_gaps
         CROSS JOIN generate_series(greatest(width_bucket(from_ts, moments), 1),
                                    least(width_bucket(to_ts, moments), parts)) AS part
         WHERE device_id = of_device AND kind = of_kind AND cause = 'thinned'
           AND from_ts < moments[parts + 1] AND to_ts >= moments[1]
           AND from_ts < moments[part + 1] AND to_ts >= moments[part]
           AND EXISTS (SELECT FROM missing)
    ), of_hole AS (
        SELECT number, sum(coalesce(gap.count, size)) AS thinned
          FROM missing JOIN gap USING (part) WHERE from_ts < ends AND to_ts >= begins GROUP BY number
    ), explained AS (
        SELECT missing.*, least(coalesce(of_hole.thinned, 0), count) AS thinned,
               EXISTS (SELECT FROM sungrow_forgotten f WHERE f.device_id = of_device
                          AND f.from_ts < ends AND f.to_ts > begins) AS is_forgotten,
               received_at > coalesce(report.received_at, '-infinity')
                   AND received_at > now() - interval '5 minutes' AS is_unreported,
               report.waiting > 0 AND (report.oldest_unsent_ts < ends
                   OR report.oldest_unsent_ts > report.received_at) IS NOT FALSE AS may_wait
          FROM missing LEFT JOIN of_hole USING (number) WHERE count > 0
    ), summed AS (
        SELECT part, sum(count) AS missing,
               coalesce(sum(count) FILTER (WHERE is_forgotten), 0) AS forgotten,
               coalesce(sum(thinned) FILTER (WHERE NOT is_forgotten), 0) AS thinned,
               coalesce(sum(count - thinned) FILTER (WHERE is_unreported AND NOT is_forgotten), 0)
               + least(coalesce(sum(count - thinned)
                           FILTER (WHERE may_wait AND NOT is_unreported AND NOT is_forgotten), 0),
                       report.waiting) AS in_transit
          FROM explained GROUP BY part
    ), counted AS (
        SELECT part, missing, forgotten, in_transit, least(thinned, coalesce(told.count, 0)) AS thinned
          FROM summed LEFT JOIN (SELECT part, sum(coalesce(count, 2e18)) AS count FROM gap GROUP BY part) AS told
         USING (part)
    )
    SELECT part, coalesce(forgotten, 0)::bigint, coalesce(thinned, 0)::bigint, coalesce(in_transit, 0)::bigint,
           coalesce(missing - forgotten - thinned - in_transit, 0)::bigint
      FROM generate_series(1, parts) AS part LEFT JOIN counted USING (part);
END
$$;
COMMENT ON FUNCTION sungrow_missing_between IS 'What became of the readings of a kind (sample, p1) that are neither stored nor parked, in each part between two of these moments.';
