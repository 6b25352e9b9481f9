-- Keeps sungrow_seqs in the transaction that stores the readings: of the inverter, or of the grid meter, as the
-- trigger's argument says.
CREATE OR REPLACE FUNCTION sungrow_note_seqs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sungrow_seqs AS s (device_id, kind, slot, boot, seqs, received_at)
    SELECT device_id, TG_ARGV[0], sungrow_slot(ts), boot, range_agg(int8range(seq, seq, '[]')), max(received_at)
      FROM new_samples WHERE boot IS NOT NULL AND seq IS NOT NULL
     GROUP BY 1, 3, 4 ORDER BY 1, 3, 4 -- one order of locks for all writers
    ON CONFLICT (device_id, kind, slot, boot) DO UPDATE SET
        seqs = s.seqs + excluded.seqs, received_at = greatest(s.received_at, excluded.received_at);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER sungrow_seqs AFTER INSERT ON sungrow_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_note_seqs('sample');
CREATE OR REPLACE TRIGGER p1_seqs AFTER INSERT ON p1_samples
    REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION sungrow_note_seqs('p1');
