-- What was lost in each month, in kWh by its cause; empty where that is not known.
SELECT month, string, shade_kwh, shade_kind, clipping_kwh, export_limit_kwh, full_battery_kwh, derating_kwh, dispatch_kwh,
       voltage_kwh, outage_kwh
  FROM sungrow_roof_results
 CROSS JOIN LATERAL jsonb_to_recordset(result->'losses_by_month')
       AS known (month text, string integer, shade_kwh double precision, shade_kind text, clipping_kwh double precision,
                 export_limit_kwh double precision, full_battery_kwh double precision, derating_kwh double precision,
                 dispatch_kwh double precision, voltage_kwh double precision, outage_kwh double precision)
 WHERE device_id = ${device:sqlstring}
 ORDER BY month DESC, string
