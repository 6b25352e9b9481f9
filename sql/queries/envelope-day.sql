-- Called by api/envelope: what each five minutes of a local day bring on a clear day; null: not known.
SELECT bucket, pv_w, coalesce(n_days, 0) AS n_days
  FROM generate_series(%(first)s::timestamptz, %(end)s::timestamptz - interval '5 minutes', '5 minutes') AS bucket
  LEFT JOIN (SELECT * FROM sungrow_envelope
              WHERE device_id = %(device_id)s AND day_of_year = ANY (ARRAY[
                    extract(doy FROM %(first)s::timestamptz AT TIME ZONE 'UTC')::int,
                    extract(doy FROM (%(end)s::timestamptz - interval '5 minutes') AT TIME ZONE 'UTC')::int])) AS clear
         ON day_of_year = extract(doy FROM bucket AT TIME ZONE 'UTC')::int
        AND slot = (extract(epoch FROM bucket)::bigint %% 86400 / 300)::int
 ORDER BY bucket
