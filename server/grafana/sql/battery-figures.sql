-- What the last night found out of the battery; empty where a figure could not be measured: /v1/battery says why.
SELECT (figures #>> '{capacity_kwh,value}')::double precision AS capacity_kwh,
       (figures #>> '{capacity_pct,value}')::double precision AS capacity_pct,
       (figures #>> '{soh_reported_pct,value}')::double precision AS soh_reported_pct,
       (figures #>> '{round_trip_pct,value}')::double precision AS round_trip_pct,
       (figures #>> '{standby_w,value}')::double precision AS standby_w,
       (figures #>> '{full_cycles,value}')::double precision AS full_cycles,
       (figures #>> '{days_since_full,value}')::double precision AS since_full_days
  FROM (SELECT result->'figures' AS figures FROM sungrow_battery_results WHERE device_id = ${device:sqlstring}) AS known
