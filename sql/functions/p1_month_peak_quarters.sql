-- For SQL and Grafana: the ten highest quarter hours of each local month of each house, for tariffs by peak.
CREATE OR REPLACE VIEW p1_month_peak_quarters AS
SELECT device_id, month, place, slot, slot + interval '15 minutes' AS slot_end, avg_power_w, estimated
  FROM (SELECT device_id, date_trunc('month', bucket)::date AS month FROM p1_local_daily GROUP BY 1, 2) AS months
 CROSS JOIN LATERAL (
        SELECT row_number() OVER (ORDER BY avg_power_w DESC, slot) AS place, *
          FROM p1_peak_quarters(device_id, sungrow_midnight(month, sungrow_timezone(device_id)),
                                sungrow_midnight((month + interval '1 month')::date, sungrow_timezone(device_id)))
         ORDER BY 1 LIMIT 10) AS highest;

COMMENT ON VIEW p1_month_peak_quarters IS 'The ten highest quarter hours of each local month, by the grid meter. Give it a device_id and a month.';
COMMENT ON COLUMN p1_month_peak_quarters.device_id IS 'which house';
COMMENT ON COLUMN p1_month_peak_quarters.month IS 'first day of the local month';
COMMENT ON COLUMN p1_month_peak_quarters.place IS '1 is the peak of the month';
COMMENT ON COLUMN p1_month_peak_quarters.slot IS 'start of the quarter hour';
COMMENT ON COLUMN p1_month_peak_quarters.slot_end IS 'its end, as a meter names it (1.6.0)';
COMMENT ON COLUMN p1_month_peak_quarters.avg_power_w IS 'W; its mean import';
COMMENT ON COLUMN p1_month_peak_quarters.estimated IS 'by powers: the counter says nothing, or what no counter says';
