-- Called by alerts/book and alerts/replay: the site's zone, when the rules were last judged, what nobody wants to hear now, and since
-- when the database runs.
SELECT timezone, (SELECT finished_at FROM sungrow_alert_run) AS finished_at,
       (SELECT jsonb_agg(jsonb_build_array(device_id, rule, from_ts, to_ts)) FROM sungrow_silences
         WHERE from_ts <= %(now)s AND to_ts > %(now)s) AS silences,
       pg_postmaster_start_time() AS database_since
  FROM sungrow_site
