-- Called by api/devices: the facts of each of these devices, whether it ever sent anything or not.
SELECT asked.device_id, name, sungrow_timezone(asked.device_id) AS timezone, serial, device_type_code, model,
       nominal_power_w, firmware, has_meter, has_battery, edge_version,
       (SELECT first_ts FROM sungrow_local_daily d WHERE d.device_id = asked.device_id AND bucket =
           (SELECT min(bucket) FROM sungrow_local_daily d WHERE d.device_id = asked.device_id)) AS first_ts,
       (SELECT last_ts FROM sungrow_local_daily d WHERE d.device_id = asked.device_id AND bucket =
           (SELECT max(bucket) FROM sungrow_local_daily d WHERE d.device_id = asked.device_id)) AS newest_ts,
       (SELECT first_ts FROM p1_local_daily p WHERE p.device_id = asked.device_id AND bucket =
           (SELECT min(bucket) FROM p1_local_daily p WHERE p.device_id = asked.device_id)) AS p1_first_ts,
       (SELECT last_ts FROM p1_local_daily p WHERE p.device_id = asked.device_id AND bucket =
           (SELECT max(bucket) FROM p1_local_daily p WHERE p.device_id = asked.device_id)) AS p1_newest_ts
  FROM unnest(%(device_ids)s::text[]) AS asked (device_id) LEFT JOIN sungrow_devices USING (device_id)
 ORDER BY asked.device_id
