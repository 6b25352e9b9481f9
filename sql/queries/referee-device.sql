-- Called by referee/stored: the zone of a device's local days, and the lag by which its house is paired: 0 where
-- no column has it, yet.
SELECT sungrow_timezone(%(device_id)s) AS timezone,
       coalesce((SELECT (to_jsonb(device) ->> 'p1_lag_s')::double precision FROM sungrow_devices device
                  WHERE device_id = %(device_id)s), 0) AS lag_s
