-- Called by referee/stored: the counters at the quarter hours of a day, both ends included: of the grid meter the last
-- reading up to each and the first from each on, of the inverter the last sample up to it.
SELECT date_part('epoch', mark) AS ts,
       before.ts AS before_ts, before.import_kwh AS before_import_kwh, before.export_kwh AS before_export_kwh,
       before.clock_s AS before_clock_s,
       after.ts AS after_ts, after.import_kwh AS after_import_kwh, after.export_kwh AS after_export_kwh,
       after.clock_s AS after_clock_s,
       sample.ts AS sample_ts, sample.total_import_kwh AS sample_import_kwh, sample.total_export_kwh AS sample_export_kwh
  FROM generate_series(%(first)s::timestamptz, %(end)s, '15 minutes') AS mark
  LEFT JOIN LATERAL (
        SELECT date_part('epoch', ts) AS ts, coalesce(energy_import_kwh, import_t1_kwh + import_t2_kwh) AS import_kwh,
               coalesce(energy_export_kwh, export_t1_kwh + export_t2_kwh) AS export_kwh,
               date_part('epoch', meter_ts) AS clock_s
          FROM p1_samples
         WHERE device_id = %(device_id)s AND p1_samples.ts <= mark AND p1_samples.ts > mark - interval '10 minutes'
         ORDER BY p1_samples.ts DESC LIMIT 1) AS before ON true
  LEFT JOIN LATERAL (
        SELECT date_part('epoch', ts) AS ts, coalesce(energy_import_kwh, import_t1_kwh + import_t2_kwh) AS import_kwh,
               coalesce(energy_export_kwh, export_t1_kwh + export_t2_kwh) AS export_kwh,
               date_part('epoch', meter_ts) AS clock_s
          FROM p1_samples
         WHERE device_id = %(device_id)s AND p1_samples.ts >= mark AND p1_samples.ts < mark + interval '10 minutes'
         ORDER BY p1_samples.ts LIMIT 1) AS after ON true
  LEFT JOIN LATERAL (
        SELECT date_part('epoch', ts) AS ts, total_import_kwh, total_export_kwh
          FROM sungrow_samples
         WHERE device_id = %(device_id)s AND sungrow_samples.ts <= mark
           AND sungrow_samples.ts > mark - interval '1 minute'
         ORDER BY sungrow_samples.ts DESC LIMIT 1) AS sample ON true
 ORDER BY mark
