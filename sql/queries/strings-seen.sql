-- Called by api/strings: the strings of which a time tells anything, or a month on either side of it, whether it is in
-- the time itself, and what the owner calls them.
SELECT string, is_asked, name
  FROM (SELECT string, bool_or(bucket >= %(first)s AND bucket < %(end)s) AS is_asked FROM sungrow_strings_5min
         WHERE device_id = %(device_id)s AND bucket >= %(first)s::timestamptz - interval '31 days'
           AND bucket < %(end)s::timestamptz + interval '31 days'
         GROUP BY string) AS seen
  LEFT JOIN (SELECT string, name FROM sungrow_site_strings WHERE device_id = %(device_id)s) AS known USING (string)
 ORDER BY string
