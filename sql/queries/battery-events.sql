-- Called by api/battery: the anchors of a battery and the windows between them, in order, that have a part in a time.
SELECT 'anchor' AS event, kind, ts AS "from", left_ts AS "to", evidence, soc_before_pct, soc_after_pct, NULL::integer AS epoch,
       NULL::double precision AS charge_kwh, NULL::double precision AS discharge_kwh,
       NULL::double precision AS capacity_kwh, NULL::double precision AS mean_c_rate, temp_c,
       reached_charge_kwh, reached_discharge_kwh, left_charge_kwh, left_discharge_kwh
  FROM sungrow_battery_anchors
 WHERE device_id = %(device_id)s AND ts < %(end)s::timestamptz AND left_ts >= %(first)s::timestamptz
UNION ALL
SELECT 'window', kind, from_ts, to_ts, NULL, NULL, NULL, epoch, charge_kwh, discharge_kwh, capacity_kwh, mean_c_rate,
       temp_c, NULL, NULL, NULL, NULL
  FROM sungrow_battery_windows
 WHERE device_id = %(device_id)s AND from_ts < %(end)s::timestamptz AND to_ts >= %(first)s::timestamptz
 ORDER BY 3, 1, 2
