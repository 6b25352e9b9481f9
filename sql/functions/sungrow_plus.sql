-- The sum of what is known of two.
CREATE OR REPLACE FUNCTION sungrow_plus(double precision, double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce($1 + $2, $1, $2) $$;
