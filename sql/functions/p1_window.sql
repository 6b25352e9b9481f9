-- Which rows of p1_5min have to be read for the energies between two moments: the two hours before and behind,
-- and on to the next reading of the counter on either side, which may be up to a year away.
CREATE OR REPLACE FUNCTION p1_window(of_device text, of_counter text, first timestamptz, until timestamptz,
                          OUT low timestamptz, OUT high timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := sungrow_timezone(of_device);
    start timestamptz := date_bin('5 minutes', first - interval '2 hours', '2000-01-01 00:00Z');
    finish timestamptz := date_bin('5 minutes', until + interval '2 hours', '2000-01-01 00:00Z') + interval '5 minutes';
BEGIN
    SELECT max(starts) INTO low FROM p1_pieces(of_device, of_counter, start - interval '2 days', start);
    IF low IS NULL THEN
        SELECT date_bin('5 minutes', (p.last).ts, '2000-01-01 00:00Z') INTO low
          FROM p1_daily_pieces(of_device, of_counter, (start AT TIME ZONE zone)::date - 366,
                               (start AT TIME ZONE zone)::date) AS p
         ORDER BY starts DESC LIMIT 1;
    END IF;
    SELECT min(ends) INTO high FROM p1_pieces(of_device, of_counter, finish, finish + interval '2 days');
    IF high IS NULL THEN
        SELECT date_bin('5 minutes', (p.first).ts, '2000-01-01 00:00Z') + interval '5 minutes' INTO high
          FROM p1_daily_pieces(of_device, of_counter, (finish AT TIME ZONE zone)::date + 1,
                               (finish AT TIME ZONE zone)::date + 367) AS p
         ORDER BY starts LIMIT 1;
    END IF;
    low := coalesce(low, start);
    high := coalesce(high, finish);
END
$$;
