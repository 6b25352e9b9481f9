-- Nobody measures 1e-280 W: it is 0. What is computed of anything more, down to the difference of two numbers
-- that are nearly equal, can still be divided; what underflows PostgreSQL takes for an error.
CREATE OR REPLACE FUNCTION sungrow_or_zero(double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN abs($1) < 1e-280 THEN 0 ELSE $1 END $$;
