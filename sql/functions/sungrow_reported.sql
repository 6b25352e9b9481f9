-- What the edge's reports say as a whole. They come oldest first, and the running quarter hour only when
-- none before it is left out: so everything up to known_until is counted, and where there is no count no
-- poll was. step_s is the interval of the newest readings.
CREATE OR REPLACE FUNCTION sungrow_reported(of_device text, of_kind text, OUT known_from timestamptz, OUT known_until timestamptz,
    OUT received_at timestamptz, OUT waiting integer, OUT oldest_unsent_ts timestamptz, OUT clock text,
    OUT step_s double precision)
LANGUAGE sql STABLE AS $$
    SELECT (SELECT min(slot) FROM sungrow_reports WHERE device_id = of_device AND kind = of_kind),
           greatest(least(n.slot + interval '15 minutes', n.received_at),
                    (SELECT least(slot + interval '15 minutes', received_at) FROM sungrow_reports
                      WHERE device_id = of_device AND kind = of_kind ORDER BY slot DESC LIMIT 1)),
           n.received_at, n.waiting,
           -- A clock that ran ahead may have left readings of any time.
           CASE WHEN n.oldest_unsent_ts <= n.received_at THEN n.oldest_unsent_ts ELSE '-infinity' END,
           n.clock,
           coalesce(CASE of_kind
                    WHEN 'p1' THEN (SELECT covered_s / sample_count FROM p1_5min
                                     WHERE device_id = of_device ORDER BY bucket DESC LIMIT 1)
                    ELSE (SELECT covered_s / sample_count FROM sungrow_5min
                           WHERE device_id = of_device ORDER BY bucket DESC LIMIT 1) END, 5)
      FROM (VALUES (1)) AS always
      LEFT JOIN LATERAL (SELECT * FROM sungrow_reports WHERE device_id = of_device AND kind = of_kind
                          ORDER BY received_at DESC, slot DESC LIMIT 1) AS n ON true
$$;
