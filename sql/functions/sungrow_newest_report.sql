-- The newest counts of an edge, of one kind of reading; why polls failed in the newest two quarter hours, and how
-- many readings had been thinned a day before.
CREATE OR REPLACE FUNCTION sungrow_newest_report(of_device text, of_kind text, at timestamptz,
    OUT report jsonb, OUT failed jsonb, OUT thinned_before double precision)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    SELECT to_jsonb(r) INTO report FROM sungrow_reports AS r
     WHERE device_id = of_device AND kind = of_kind ORDER BY received_at DESC, slot DESC LIMIT 1;
    IF report IS NULL THEN RETURN; END IF;
    SELECT jsonb_object_agg(reason, polls) INTO failed
      FROM (SELECT key AS reason, sum(value::bigint) AS polls
              FROM (SELECT failed FROM sungrow_reports WHERE device_id = of_device AND kind = of_kind
                     ORDER BY slot DESC LIMIT 2) AS two
             CROSS JOIN LATERAL jsonb_each_text(two.failed) AS each
             GROUP BY key) AS summed;
    SELECT min(thinned) INTO thinned_before FROM sungrow_reports
     WHERE device_id = of_device AND kind = of_kind AND slot > at - interval '1 day';
END
$$;
COMMENT ON FUNCTION sungrow_newest_report IS 'The newest counts of an edge, of one kind of reading, with the reasons of failed polls in the newest two quarter hours.';
