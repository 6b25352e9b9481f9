-- Called by alerts/gather: what each string brings on good days in some five minutes: of the same five
-- minutes of the 14 days before, where at least five are known, the greatest but for a tenth of them.
SELECT start, ARRAY[max(usual_w) FILTER (WHERE string = 1), max(usual_w) FILTER (WHERE string = 2),
                    max(usual_w) FILTER (WHERE string = 3), max(usual_w) FILTER (WHERE string = 4)] AS usual_w
  FROM (SELECT slot AS start, string,
               CASE WHEN count(*) >= 5 THEN percentile_cont(0.9) WITHIN GROUP (ORDER BY p_sum / n) END AS usual_w
          FROM unnest(%(slots)s::timestamptz[]) AS slot
         CROSS JOIN generate_series(1, 14) AS days
          JOIN sungrow_strings_5min ON device_id = %(device_id)s AND bucket = slot - days * interval '24 hours'
         WHERE n > 0
         GROUP BY 1, 2) AS of_string
 GROUP BY start
