-- Completeness as a number, for every local day of every device.
CREATE OR REPLACE VIEW sungrow_completeness AS
SELECT device_id, day, counts.*
  FROM (SELECT device_id, generate_series(min(bucket)::timestamp,
                   greatest(max(bucket), (now() AT TIME ZONE sungrow_timezone(device_id))::date)::timestamp,
                   '1 day')::date AS day
          FROM sungrow_local_daily GROUP BY device_id) AS days
 CROSS JOIN LATERAL sungrow_day_completeness(device_id, day) AS counts;

COMMENT ON VIEW sungrow_completeness IS 'What became of the readings of each local day of a device; lost has to be 0. Give it a device_id and a range of day.';
COMMENT ON COLUMN sungrow_completeness.device_id IS 'which device';
COMMENT ON COLUMN sungrow_completeness.day IS 'local day';
COMMENT ON COLUMN sungrow_completeness.expected IS 'polls that the part of the day that is over has room for';
COMMENT ON COLUMN sungrow_completeness.polled IS 'polls that the edge made, by its own count';
COMMENT ON COLUMN sungrow_completeness.failed IS 'polls that failed, by its own count';
COMMENT ON COLUMN sungrow_completeness.failed_reasons IS 'reason of failed polls -> how many';
COMMENT ON COLUMN sungrow_completeness.stored IS 'samples that are here';
COMMENT ON COLUMN sungrow_completeness.parked IS 'readings that can never be a sample and are kept in sungrow_parked';
COMMENT ON COLUMN sungrow_completeness.thinned IS 'given up by the edge on a full disk, counted in a gap record';
COMMENT ON COLUMN sungrow_completeness.forgotten IS 'deleted by server.forget';
COMMENT ON COLUMN sungrow_completeness.in_transit IS 'still at the edge, or on the way';
COMMENT ON COLUMN sungrow_completeness.lost IS 'what nothing of this explains; has to be 0';
