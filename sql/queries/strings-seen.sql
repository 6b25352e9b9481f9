-- Called by api/strings: the strings of which a time tells anything, and what the owner calls them.
SELECT string, name
  FROM (SELECT DISTINCT string FROM sungrow_strings_5min
         WHERE device_id = %(device_id)s AND bucket >= %(first)s AND bucket < %(end)s) AS seen
  LEFT JOIN (SELECT string, name FROM sungrow_site_strings WHERE device_id = %(device_id)s) AS known USING (string)
 ORDER BY string
