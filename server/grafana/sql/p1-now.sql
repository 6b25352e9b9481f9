-- The newest reading of the grid (P1) meter; no row once it is older than ten minutes. power_w is positive while importing.
SELECT power_w, voltage_l1_v, voltage_l2_v, voltage_l3_v, month_peak_w
  FROM p1_newest_reading(${device:sqlstring}, now() + interval '1 minute')
 WHERE ts > now() - interval '10 minutes'
