-- What the battery held in each year: the median of what its windows measured, from full to empty and from empty to
-- full, with the quartiles. By years in the zone of the house; an extended or replaced battery begins an epoch of its own.
CREATE OR REPLACE VIEW sungrow_battery_capacity AS
SELECT device_id, epoch, extract(year FROM to_ts AT TIME ZONE sungrow_timezone(device_id))::integer AS year,
       count(*) AS n,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY capacity_kwh) AS median_kwh,
       percentile_cont(0.25) WITHIN GROUP (ORDER BY capacity_kwh) AS lower_quartile_kwh,
       percentile_cont(0.75) WITHIN GROUP (ORDER BY capacity_kwh) AS upper_quartile_kwh
  FROM sungrow_battery_windows
 WHERE capacity_kwh IS NOT NULL
 GROUP BY 1, 2, 3;
COMMENT ON VIEW sungrow_battery_capacity IS 'What each battery held in each year, by the median of its windows, with quartiles; query it with a device_id.';
COMMENT ON COLUMN sungrow_battery_capacity.device_id IS 'which device';
COMMENT ON COLUMN sungrow_battery_capacity.epoch IS 'counts the batteries: one more where it was extended or replaced';
COMMENT ON COLUMN sungrow_battery_capacity.year IS 'local year';
COMMENT ON COLUMN sungrow_battery_capacity.n IS 'how many windows';
COMMENT ON COLUMN sungrow_battery_capacity.median_kwh IS 'kWh; median of what they measured';
COMMENT ON COLUMN sungrow_battery_capacity.lower_quartile_kwh IS 'kWh; a quarter of them measured less';
COMMENT ON COLUMN sungrow_battery_capacity.upper_quartile_kwh IS 'kWh; a quarter of them measured more';
