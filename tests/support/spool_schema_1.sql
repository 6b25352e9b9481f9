-- The edge's spool, schema 1. Times are microseconds: ts_us since 1970 in UTC, boottime_us since the boot.
-- Look at it with: sqlite3 -readonly spool.db, never by copying the file without its -wal.

-- Every reading that can be a sample, kept beyond its delivery. A row is written once; only a
-- provisional time is corrected later. AUTOINCREMENT: an id is never used again, so that a late
-- second receipt can name nothing new.
CREATE TABLE samples (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ts_us       INTEGER NOT NULL,
    boot        TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    boottime_us INTEGER NOT NULL,
    ts_src      INTEGER NOT NULL, -- 0 synchronised, 1 corrected, 2 provisional, 3 estimated
    payload     TEXT    NOT NULL, -- the other fields as JSON; optional nulls are left out
    crc         INTEGER NOT NULL  -- CRC-32 over all other columns
);
CREATE UNIQUE INDEX samples_ts ON samples (ts_us);
CREATE INDEX samples_provisional ON samples (ts_src) WHERE ts_src = 2;

-- A sample is in exactly one of three states: to be sent (here), delivered (below), provisional
-- (ts_src 2, in neither). Kept apart so that delivering never rewrites a sample's page.
CREATE TABLE queue (id INTEGER PRIMARY KEY);

CREATE TABLE delivered (
    id   INTEGER PRIMARY KEY,
    hour INTEGER NOT NULL -- of the delivery, hours since 1970: SPOOL_KEEP_DAYS counts from here
);

-- Readings that cannot be uploaded as samples, with the reason. Never deleted, only released.
CREATE TABLE parked (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ts_us       INTEGER,
    boot        TEXT,
    seq         INTEGER,
    boottime_us INTEGER,
    ts_src      INTEGER,
    reason      TEXT,
    content     TEXT, -- a sample's payload, or {"words": {"REGISTER": WORD}}
    crc         INTEGER, -- CRC-32 over the columns before it but the id
    reported    INTEGER NOT NULL DEFAULT 0 -- 1: the server has it; outside of the crc, saying it twice is harmless
);

-- The last number that a boot's polls have reached, whatever was deleted since.
CREATE TABLE boots (boot TEXT PRIMARY KEY, last_seq INTEGER);

-- Counts of one quarter hour and what had to be thinned: both wait here for the server's receipt
-- (contract, section 6: reports, gaps).
CREATE TABLE reports (
    boot         TEXT    NOT NULL,
    slot_us      INTEGER NOT NULL,
    content      TEXT    NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (boot, slot_us)
);
CREATE TABLE gaps (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    from_us      INTEGER NOT NULL,
    to_us        INTEGER NOT NULL,
    cause        TEXT    NOT NULL,
    count        INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0
);

-- covered_id: boots tells the last number of every sample up to this id.
CREATE TABLE meta (key TEXT PRIMARY KEY, value);
