-- What changed: new or seasonal shade, a string that gives less than usual, one that is dead, one that was cleaned.
SELECT "from" AS begins, "to" AS ends, string, id, text
  FROM sungrow_roof_results
 CROSS JOIN LATERAL jsonb_to_recordset(result->'events')
       AS event ("from" text, "to" text, string integer, id text, text text)
 WHERE device_id = ${device:sqlstring}
 ORDER BY begins DESC NULLS FIRST
 LIMIT 200
