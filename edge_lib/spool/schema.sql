-- The edge's spool, schema 3. Times are microseconds: ts_us since 1970 in UTC, boottime_us since the boot.
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
    reported    INTEGER NOT NULL DEFAULT 0 -- the crc, once the server has it: no flipped bit can say so
);

-- The edge's own bookkeeping. The crc of each row is a CRC-32 over the table's name and the columns
-- before ``acknowledged`` and ``crc``: what is not as it was written steers nothing, and goes to
-- ``damaged``. No index, so that a row whose key is damaged can be deleted like any other; and no
-- constraint, which would condemn the whole file for what costs one row.

-- The last number that a boot's polls have reached, whatever was deleted since.
CREATE TABLE boots (boot TEXT, last_seq INTEGER, crc INTEGER);

-- Counts of one quarter hour and what had to be thinned: both wait here for the server's receipt
-- (contract, section 6: reports, gaps). ``acknowledged`` is the crc of what the server has; where it
-- differs from the row's own crc the server has not seen the row, or not as it is now.
CREATE TABLE reports (
    boot         TEXT,
    slot_us      INTEGER,
    content      TEXT, -- {"polled", "failed", "seq": of the last reading counted}
    acknowledged INTEGER DEFAULT 0,
    crc          INTEGER
);
CREATE TABLE gaps (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    from_us      INTEGER,
    to_us        INTEGER,
    cause        TEXT,
    count        INTEGER,
    acknowledged INTEGER DEFAULT 0,
    crc          INTEGER
);

-- Whatever else must be remembered, under a name. covered_id: boots tells the last number of every
-- sample up to this id. settled:HOUR: what the server had of an hour that differs for good.
CREATE TABLE meta (key TEXT, value, crc INTEGER);

-- Rows of bookkeeping that were not what had been written: the table's name, and the row as JSON.
CREATE TABLE damaged (id INTEGER PRIMARY KEY, of TEXT, content TEXT);

-- Readings of the grid meter (P1_SOURCE): the same tables once more, so that a house without one has no
-- more work, and an older version finds its own as they were. Their checksums cover the kind ('p1') or
-- the table's name too. ``kind``: a page of the file does not say whose it is, so a row does.
CREATE TABLE p1_samples (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ts_us       INTEGER NOT NULL,
    boot        TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    boottime_us INTEGER NOT NULL,
    ts_src      INTEGER NOT NULL,
    payload     TEXT    NOT NULL,
    crc         INTEGER NOT NULL,
    kind        TEXT DEFAULT 'p1'
);
CREATE UNIQUE INDEX p1_samples_ts ON p1_samples (ts_us);
CREATE INDEX p1_samples_provisional ON p1_samples (ts_src) WHERE ts_src = 2;
CREATE TABLE p1_queue (id INTEGER PRIMARY KEY, kind TEXT DEFAULT 'p1');
CREATE TABLE p1_delivered (
    id   INTEGER PRIMARY KEY,
    hour INTEGER NOT NULL,
    kind TEXT DEFAULT 'p1'
);
CREATE TABLE p1_parked (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- no row of ``parked`` has it
    ts_us       INTEGER,
    boot        TEXT,
    seq         INTEGER,
    boottime_us INTEGER,
    ts_src      INTEGER,
    reason      TEXT,
    content     TEXT,
    crc         INTEGER,
    reported    INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE p1_boots (boot TEXT, last_seq INTEGER, crc INTEGER);
CREATE TABLE p1_reports (
    boot         TEXT,
    slot_us      INTEGER,
    content      TEXT,
    acknowledged INTEGER DEFAULT 0,
    crc          INTEGER
);
CREATE TABLE p1_gaps (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    from_us      INTEGER,
    to_us        INTEGER,
    cause        TEXT,
    count        INTEGER,
    acknowledged INTEGER DEFAULT 0,
    crc          INTEGER
);
