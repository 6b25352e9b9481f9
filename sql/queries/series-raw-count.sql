-- Called by api/series_raw: how many samples there are from first on and before end; no more than so many are counted.
SELECT count(*) AS count
  FROM (SELECT 1 FROM sungrow_samples
         WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s LIMIT %(most)s) AS found
