-- The quarter hours of every house with a grid meter, for SQL and Grafana: p1_quarter, day by day.
CREATE OR REPLACE VIEW p1_quarters AS
SELECT device_id, day, quarter.*
  FROM (SELECT device_id, sungrow_timezone(device_id) AS zone,
               generate_series(min(bucket)::timestamp, max(bucket)::timestamp, '1 day')::date AS day
          FROM p1_local_daily GROUP BY device_id) AS days
 CROSS JOIN LATERAL p1_quarter(device_id, sungrow_midnight(day, zone), sungrow_midnight(day + 1, zone)) AS quarter;

COMMENT ON VIEW p1_quarters IS 'Import and export of each quarter hour of a house, by its grid meter. Give it a device_id and a range of day.';
COMMENT ON COLUMN p1_quarters.device_id IS 'which house';
COMMENT ON COLUMN p1_quarters.day IS 'the local day that it is of';
COMMENT ON COLUMN p1_quarters.slot IS 'start of the quarter hour, UTC';
COMMENT ON COLUMN p1_quarters.import_wh IS 'Wh; imported, by the counter at its two ends, else by the powers';
COMMENT ON COLUMN p1_quarters.export_wh IS 'Wh; exported, by the counter at its two ends, else by the powers';
COMMENT ON COLUMN p1_quarters.exact IS 'there are readings within a minute of both ends: it may be a peak';
COMMENT ON COLUMN p1_quarters.estimated IS 'a part of it is what the powers say: there is no counter, or a step that no counter makes';
COMMENT ON COLUMN p1_quarters.avg_import_power_w IS 'W; mean of the import of its readings';
COMMENT ON COLUMN p1_quarters.sample_count IS 'how many readings';
