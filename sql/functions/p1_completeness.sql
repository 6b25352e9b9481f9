-- The same for the grid meters: completeness as a number, for every local day of every device that has one.
CREATE OR REPLACE VIEW p1_completeness AS
SELECT device_id, day, counts.*
  FROM (SELECT device_id, generate_series(min(bucket)::timestamp,
                   greatest(max(bucket), (now() AT TIME ZONE sungrow_timezone(device_id))::date)::timestamp,
                   '1 day')::date AS day
          FROM p1_local_daily GROUP BY device_id) AS days
 CROSS JOIN LATERAL sungrow_kind_completeness(device_id, day, 'p1') AS counts;

COMMENT ON VIEW p1_completeness IS 'What became of the grid meter''s readings of each local day of a device; lost has to be 0. Give it a device_id and a range of day.';
COMMENT ON COLUMN p1_completeness.device_id IS 'which device';
COMMENT ON COLUMN p1_completeness.day IS 'local day';
COMMENT ON COLUMN p1_completeness.expected IS 'polls that the part of the day that is over has room for';
COMMENT ON COLUMN p1_completeness.polled IS 'polls that the edge made, by its own count';
COMMENT ON COLUMN p1_completeness.failed IS 'polls that failed, by its own count';
COMMENT ON COLUMN p1_completeness.failed_reasons IS 'reason of failed polls -> how many';
COMMENT ON COLUMN p1_completeness.stored IS 'samples that are here';
COMMENT ON COLUMN p1_completeness.parked IS 'readings that can never be a sample and are kept in sungrow_parked';
COMMENT ON COLUMN p1_completeness.thinned IS 'given up by the edge on a full disk, counted in a gap record';
COMMENT ON COLUMN p1_completeness.forgotten IS 'deleted by server.forget';
COMMENT ON COLUMN p1_completeness.in_transit IS 'still at the edge, or on the way';
COMMENT ON COLUMN p1_completeness.lost IS 'what nothing of this explains; has to be 0';
COMMENT ON COLUMN p1_completeness.covered IS 'share of the part of the day that is over within 60 seconds after a reading';
