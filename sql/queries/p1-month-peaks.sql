-- Called by p1/months: of each month, from a moment of starts to the one of ends, the peak that the meter itself had
-- at its end: by its history (98.1.0), else by the month's last reading (1.6.0), where that is of this month. A clock
-- of the meter that is wrong by more than five minutes is allowed for (shift).
-- judged_ts: what the meter says includes the quarter hours that ended before.
-- seen: changes whenever anything does of which our own quarter hours of the month are made; null: there is nothing.
SELECT coalesce(h.peak_w, r.month_peak_w) AS meter_w,
       CASE WHEN h.peak_w IS NULL THEN r.month_peak_ts ELSE h.peak_ts END AS meter_ts,
       CASE WHEN h.peak_w IS NULL THEN r.month_peak_ts - r.shift ELSE h.peak_ts END AS meter_true_ts,
       CASE WHEN h.peak_w IS NULL THEN r.ts ELSE month_end END AS judged_ts,
       (SELECT md5(string_agg(day::text, ' ' ORDER BY bucket)) FROM p1_local_daily AS day
         WHERE device_id = %(device_id)s
           AND bucket >= (month_start AT TIME ZONE %(zone)s)::date - 1
           AND bucket <= (month_end AT TIME ZONE %(zone)s)::date) AS seen
  FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS months (month_start, month_end)
  LEFT JOIN LATERAL (SELECT peak_w, peak_ts FROM p1_month_peaks
                      WHERE device_id = %(device_id)s AND month > month_start AND month <= month_end
                      ORDER BY received_at DESC LIMIT 1) AS h ON true
  LEFT JOIN LATERAL (SELECT ts, month_peak_w, month_peak_ts, shift
                       FROM p1_newest_reading(%(device_id)s,
                                              least(month_end - interval '1 microsecond', %(latest)s::timestamptz))
                      CROSS JOIN LATERAL (SELECT CASE WHEN abs(extract(epoch FROM meter_ts - ts)) > 300
                                                      THEN meter_ts - ts ELSE interval '0' END AS shift) AS clock
                      WHERE ts >= month_start
                        AND CASE WHEN month_peak_ts IS NULL THEN ts >= month_start + interval '16 minutes'
                                 ELSE month_peak_ts - shift > month_start + interval '5 minutes'
                                      AND month_peak_ts - shift <= month_end + interval '5 minutes' END) AS r ON true
 ORDER BY month_start
