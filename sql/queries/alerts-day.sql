-- Called by alerts/gather: what the panels brought in these hours of a day, from how many of their
-- five minutes that is known, and the best day of the same season before it, of any year.
SELECT sum(pv_integral_kwh) AS kwh, count(*) AS slots,
       (SELECT max(pv_integral_kwh) FROM generate_series(0, 12) AS years
         CROSS JOIN LATERAL (SELECT pv_integral_kwh FROM sungrow_local_daily
                              WHERE device_id = %(device_id)s AND bucket < %(day)s
                                AND bucket BETWEEN %(day)s - make_interval(years => years) - interval '30 days'
                                              AND %(day)s - make_interval(years => years) + interval '30 days'
                            ) AS season) AS best_kwh
  FROM sungrow_5min WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s
