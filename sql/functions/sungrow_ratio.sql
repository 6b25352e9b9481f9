-- A part of a whole, neither of which can be so small that the quotient is out of range: a millionth of a Wh
-- is 0, and of a whole as small there are no parts.
CREATE OR REPLACE FUNCTION sungrow_ratio(part double precision, whole double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN whole >= 1e-9 THEN CASE WHEN abs(part) >= 1e-9 THEN part / whole ELSE 0 END END
$$;
