-- Called by ingest, for all samples of a batch at once, with the columns that any of them has a value
-- for: a column of nulls would cost as much as one of numbers. Who comes second to a key changes nothing.
INSERT INTO sungrow_samples ({columns})
VALUES %s
ON CONFLICT (device_id, ts) DO NOTHING
