-- The start of a moment's quarter hour UTC.
CREATE OR REPLACE FUNCTION sungrow_slot(ts timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT date_bin('15 minutes', ts, '2000-01-01 00:00Z') $$;
