-- Gaps as annotations: from when to when, with the cause.
SELECT from_ts AS "time", to_ts AS timeend, 'no readings: ' || cause AS text, 'gap' AS tags
  FROM sungrow_gap_list(${device:sqlstring}, $__timeFrom()::timestamptz, least($__timeTo()::timestamptz, now()))
 ORDER BY 1
