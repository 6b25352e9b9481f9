-- What became of the readings between two moments that are neither stored nor parked. The first that
-- applies: forgotten; thinned, as far as the edge's counts go; in transit; lost. In transit is what may
-- be among the readings that wait at the edge by its newest report, or what no report can have spoken
-- of yet, since one follows within a minute of an upload.
CREATE OR REPLACE FUNCTION sungrow_missing(of_device text, first timestamptz, until timestamptz, of_kind text,
    OUT forgotten bigint, OUT thinned bigint, OUT in_transit bigint, OUT lost bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    report sungrow_reports;
BEGIN
    SELECT * INTO report FROM sungrow_reports
     WHERE device_id = of_device AND kind = of_kind ORDER BY received_at DESC, slot DESC LIMIT 1;
    WITH hole AS (
        SELECT *, (SELECT sum(upper(part) - lower(part)) FROM unnest(seqs) AS part) AS size,
               greatest(least(slot_before, slot_after), first) AS begins,
               least(greatest(slot_before, slot_after) + interval '15 minutes', until) AS ends
          FROM sungrow_holes(of_device, first, until, of_kind)
    ), missing AS MATERIALIZED (
        SELECT *, floor(size * sungrow_share(until, slot_before, slot_after))
                - floor(size * sungrow_share(first, slot_before, slot_after)) AS count
          FROM hole
    ), gap AS MATERIALIZED (
        SELECT from_ts, to_ts, count FROM sungrow_gaps
         WHERE device_id = of_device AND kind = of_kind AND cause = 'thinned' AND from_ts < until
           AND to_ts >= first
           AND EXISTS (SELECT FROM missing)
    ), explained AS (
        SELECT *, EXISTS (SELECT FROM sungrow_forgotten f WHERE f.device_id = of_device
                             AND f.from_ts < ends AND f.to_ts > begins) AS is_forgotten,
               (SELECT least(coalesce(sum(coalesce(gap.count, size)), 0), missing.count)
                  FROM gap WHERE from_ts < ends AND to_ts >= begins) AS thinned,
               received_at > coalesce(report.received_at, '-infinity')
                   AND received_at > now() - interval '5 minutes' AS is_unreported,
               report.waiting > 0 AND (report.oldest_unsent_ts < ends
                   OR report.oldest_unsent_ts > report.received_at) IS NOT FALSE AS may_wait
          FROM missing WHERE count > 0
    ), summed AS (
        SELECT coalesce(sum(count), 0) AS missing,
               coalesce(sum(count) FILTER (WHERE is_forgotten), 0) AS forgotten,
               least(coalesce(sum(thinned) FILTER (WHERE NOT is_forgotten), 0),
                     (SELECT coalesce(sum(coalesce(count, 2e18)), 0) FROM gap)) AS thinned,
               coalesce(sum(count - thinned) FILTER (WHERE is_unreported AND NOT is_forgotten), 0)
               + least(coalesce(sum(count - thinned)
                           FILTER (WHERE may_wait AND NOT is_unreported AND NOT is_forgotten), 0),
                       report.waiting) AS in_transit
          FROM explained
    )
    SELECT forgotten, thinned, in_transit, missing - forgotten - thinned - in_transit
      INTO forgotten, thinned, in_transit, lost FROM summed;
END
$$;
