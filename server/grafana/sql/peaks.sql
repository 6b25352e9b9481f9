-- The three highest quarter hours of each of the thirteen months up to the end of the time.
SELECT to_char(month, 'YYYY-MM') AS month, place, slot, avg_power_w, estimated
  FROM p1_month_peak_quarters
 WHERE device_id = ${device:sqlstring} AND place <= 3
   AND month > ($__timeTo()::timestamptz - interval '13 months')::date AND month <= $__timeTo()::timestamptz::date
 ORDER BY 1 DESC, 2
