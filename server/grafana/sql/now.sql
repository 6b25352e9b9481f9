-- The newest reading as /v1/realtime has it: grid and use by the grid (P1) meter where that speaks. No row once it is
-- older than ten minutes: what was is not what is.
SELECT pv_power_w,
       CASE WHEN p1_ts IS NULL THEN load_power_w ELSE inverter_power_w + p1_power_w END AS load_power_w,
       CASE WHEN p1_ts IS NULL THEN export_power_w ELSE -p1_power_w END AS export_power_w,
       battery_power_w, battery_soc_pct
  FROM sungrow_newest_sample(${device:sqlstring}, now() + interval '1 minute')
 CROSS JOIN LATERAL sungrow_p1_near(device_id, ts)
 WHERE ts > now() - interval '10 minutes'
