-- What the edge tells beside its readings, and what was deleted for good: together they say what became of every
-- poll that is no sample.

CREATE TABLE sungrow_reports (
    device_id        text NOT NULL,
    boot             text NOT NULL,
    slot             timestamptz NOT NULL,
    polled           integer NOT NULL,
    failed           jsonb NOT NULL DEFAULT '{}',
    waiting          integer,
    oldest_unsent_ts timestamptz,
    parked           integer,
    clock            text,
    received_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot, slot)
);
COMMENT ON TABLE sungrow_reports IS 'The edge''s own counts of one quarter hour (UTC, slot is its start); a repeat replaces.';
COMMENT ON COLUMN sungrow_reports.failed IS 'reason of failed polls -> how many';
COMMENT ON COLUMN sungrow_reports.device_id IS 'which device';
COMMENT ON COLUMN sungrow_reports.boot IS 'one value a boot of the edge';
COMMENT ON COLUMN sungrow_reports.slot IS 'start of the quarter hour, UTC';
COMMENT ON COLUMN sungrow_reports.polled IS 'polls that it made';
COMMENT ON COLUMN sungrow_reports.waiting IS 'readings that waited at the edge';
COMMENT ON COLUMN sungrow_reports.oldest_unsent_ts IS 'of the oldest of these';
COMMENT ON COLUMN sungrow_reports.parked IS 'readings that are parked at the edge';
COMMENT ON COLUMN sungrow_reports.clock IS 'what the edge knows of its clock';
COMMENT ON COLUMN sungrow_reports.received_at IS 'when the server stored it last';
CREATE INDEX sungrow_reports_slot ON sungrow_reports (device_id, slot);
CREATE INDEX sungrow_reports_received ON sungrow_reports (device_id, received_at);

CREATE TABLE sungrow_gaps (
    device_id   text NOT NULL,
    from_ts     timestamptz NOT NULL,
    cause       text NOT NULL,
    to_ts       timestamptz NOT NULL,
    count       integer,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, from_ts, cause)
);
COMMENT ON TABLE sungrow_gaps IS 'Spans without readings that the edge knows of, with the cause; a repeat replaces.';
COMMENT ON COLUMN sungrow_gaps.device_id IS 'which device';
COMMENT ON COLUMN sungrow_gaps.from_ts IS 'of the first reading that is missing';
COMMENT ON COLUMN sungrow_gaps.cause IS 'a short word: thinned, clock_step ...';
COMMENT ON COLUMN sungrow_gaps.to_ts IS 'of the last reading that is missing';
COMMENT ON COLUMN sungrow_gaps.count IS 'how many, where the edge knows it';
COMMENT ON COLUMN sungrow_gaps.received_at IS 'when the server stored it last';

CREATE TABLE sungrow_parked (
    device_id   text NOT NULL,
    boot        text NOT NULL,
    seq         bigint NOT NULL,
    ts          timestamptz,
    reason      text NOT NULL,
    content     json,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot, seq)
);
COMMENT ON TABLE sungrow_parked IS 'Readings that can never be a sample, kept with the reason.';
COMMENT ON COLUMN sungrow_parked.content IS 'raw words where decoding failed, else the sample as it was sent; json, not jsonb: whatever was sent fits';
COMMENT ON COLUMN sungrow_parked.device_id IS 'which device';
COMMENT ON COLUMN sungrow_parked.boot IS 'one value a boot of the edge';
COMMENT ON COLUMN sungrow_parked.seq IS 'counts the polls of a boot';
COMMENT ON COLUMN sungrow_parked.ts IS 'when the edge polled, where it knows';
COMMENT ON COLUMN sungrow_parked.reason IS 'why it can be no sample';
COMMENT ON COLUMN sungrow_parked.received_at IS 'when the server stored it last';
CREATE INDEX sungrow_parked_time ON sungrow_parked (device_id, (coalesce(ts, received_at)));

-- What was deleted for good stays deleted: ingest takes no sample of such a range, whichever edge still has one in
-- its spool. Both look at it under a lock of the device: functions/sungrow_device_lock.sql.
CREATE TABLE sungrow_forgotten (
    device_id    text NOT NULL,
    from_ts      timestamptz NOT NULL,
    to_ts        timestamptz NOT NULL CHECK (to_ts > from_ts),
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, from_ts, to_ts)
);
COMMENT ON TABLE sungrow_forgotten IS 'Ranges whose samples server.forget deleted: from_ts inclusive, to_ts exclusive. Nothing of them comes back.';
COMMENT ON COLUMN sungrow_forgotten.device_id IS 'which device';
COMMENT ON COLUMN sungrow_forgotten.from_ts IS 'inclusive';
COMMENT ON COLUMN sungrow_forgotten.to_ts IS 'exclusive';
COMMENT ON COLUMN sungrow_forgotten.forgotten_at IS 'when server.forget deleted it, the last time';
