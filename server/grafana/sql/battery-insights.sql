-- What the last 365 days could have been otherwise, in kWh; without a figure the reason.
SELECT id, kwh AS insight_kwh, value, unit, coalesce(reason_text, formula) AS formula
  FROM sungrow_battery_results
 CROSS JOIN LATERAL jsonb_to_recordset(result->'insights')
       AS insight (id text, kwh double precision, value double precision, unit text, formula text, reason_text text)
 WHERE device_id = ${device:sqlstring}
 ORDER BY kwh DESC NULLS LAST, id
