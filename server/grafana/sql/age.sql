-- How old the newest reading is.
SELECT greatest(extract(epoch FROM now() - ts), 0)::double precision AS age_s
  FROM sungrow_newest_sample(${device:sqlstring}, now() + interval '1 minute')
