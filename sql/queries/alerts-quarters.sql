-- Called by alerts/gather: lifetime counters and energies by quarter hours.
SELECT device_id, date_bin('15 minutes', bucket, '2000-01-01 00:00Z') AS start,
       ARRAY[sum(pv_integral_kwh), sum(import_integral_kwh), sum(export_integral_kwh),
             sum(battery_charge_integral_kwh), sum(battery_discharge_integral_kwh)] AS kwh,
       ARRAY[min(least(nullif((counters_first).pv_total_kwh, 0), nullif((counters_last).pv_total_kwh, 0))),
             min(least(nullif((counters_first).total_import_kwh, 0), nullif((counters_last).total_import_kwh, 0))),
             min(least(nullif((counters_first).total_export_kwh, 0), nullif((counters_last).total_export_kwh, 0))),
             min(least(nullif((counters_first).battery_total_charge_kwh, 0),
                       nullif((counters_last).battery_total_charge_kwh, 0))),
             min(least(nullif((counters_first).battery_total_discharge_kwh, 0),
                       nullif((counters_last).battery_total_discharge_kwh, 0)))] AS counters_min,
       ARRAY[max(greatest((counters_first).pv_total_kwh, (counters_last).pv_total_kwh)),
             max(greatest((counters_first).total_import_kwh, (counters_last).total_import_kwh)),
             max(greatest((counters_first).total_export_kwh, (counters_last).total_export_kwh)),
             max(greatest((counters_first).battery_total_charge_kwh, (counters_last).battery_total_charge_kwh)),
             max(greatest((counters_first).battery_total_discharge_kwh,
                          (counters_last).battery_total_discharge_kwh))] AS counters_max
  FROM sungrow_5min
 WHERE device_id = ANY (%(device_ids)s) AND bucket >= %(first)s AND bucket < %(end)s
 GROUP BY 1, 2 ORDER BY 1, 2
