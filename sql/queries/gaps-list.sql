-- Called by gaps: the gaps between two times, or two local midnights, each with its cause; at least one
-- row, with nulls, for the zone.
SELECT zone AS timezone, gap.from_ts, gap.to_ts, gap.cause, gap.duration_s, gap.running
  FROM (SELECT sungrow_timezone(%(device_id)s) AS zone) AS site
  LEFT JOIN LATERAL sungrow_gap_list(%(device_id)s,
       coalesce(%(from)s::timestamptz, sungrow_midnight(%(from_day)s::date, zone)),
       coalesce(%(to)s::timestamptz, sungrow_midnight(%(to_day)s::date, zone))) AS gap ON true
 ORDER BY gap.from_ts
