-- Called by `server.migrate` on a database of before these files were put in order (server/database/takeover.py):
-- what it has and needs no more, and the comments of a table that was made as a copy of another.
DROP FUNCTION sungrow_insert_samples(text, sungrow_reading[]);
DROP TYPE sungrow_reading;

DO $$
DECLARE
    of_5min record;
BEGIN
    FOR of_5min IN
        SELECT attname, col_description(attrelid, attnum) AS words FROM pg_attribute
         WHERE attrelid = 'sungrow_5min'::regclass AND attnum > 0 AND attname <> 'bucket'
    LOOP
        EXECUTE format('COMMENT ON COLUMN sungrow_local_daily.%I IS %L', of_5min.attname, of_5min.words);
    END LOOP;
END
$$;
