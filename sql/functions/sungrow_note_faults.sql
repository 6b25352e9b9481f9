-- Keeps sungrow_fault_5min in the transaction that stores the samples. Where no word of a sample is set and the
-- running state is none of a fault, as nearly always, it looks at the new rows and that is all.
--
-- A running state that reports a fault (5500, formerly 0100; 1700, 2500) or of a warning (9100) while no word
-- names one is a fault of its own, as word 13000 with the state in place of bits: a WiNet-S answers 0 for words
-- that it lacks, and then nothing else would tell that the inverter stands still.
CREATE OR REPLACE FUNCTION sungrow_note_faults() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_samples WHERE faults <> '' OR running_state IN (21760, 256, 5888, 9472, 37120)) THEN
        INSERT INTO sungrow_fault_5min AS f (device_id, bucket, word, bits, polls, first_ts, last_ts)
        SELECT device_id, date_bin('5 minutes', ts, '2000-01-01 00:00Z'), word, bits, count(*), min(ts), max(ts)
          FROM (SELECT device_id, ts, w.word[1]::integer AS word, ('x' || lpad(w.word[2], 8, '0'))::bit(32)::bigint AS bits
                  FROM new_samples CROSS JOIN LATERAL regexp_matches(faults, '([0-9]+)=([0-9A-F]+)', 'g') AS w (word)
                 UNION ALL
                SELECT device_id, ts, 13000, running_state FROM new_samples
                 WHERE running_state IN (21760, 256, 5888, 9472, 37120) AND coalesce(faults, '') !~ '=[0-9A-F]'
               ) AS told
         GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 -- one order of locks for all writers
        ON CONFLICT (device_id, bucket, word, bits) DO UPDATE SET
            polls = f.polls + excluded.polls, first_ts = least(f.first_ts, excluded.first_ts),
            last_ts = greatest(f.last_ts, excluded.last_ts);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_faults AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_note_faults();
