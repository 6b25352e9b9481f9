-- What this database has seen of sql/: `python -m server.migrate` applies the rest and notes it here.
-- How it does that, and what to do by hand: docs/sql.md.

CREATE TABLE schema_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    edition    text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Which numbered files of sql/ this database has seen, and what they said.';
COMMENT ON COLUMN schema_migrations.number IS 'of the file; each is applied once, in their order';
COMMENT ON COLUMN schema_migrations.name IS 'of the file';
COMMENT ON COLUMN schema_migrations.edition IS 'of the database: plain, apache, community';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file as it was applied';
COMMENT ON COLUMN schema_migrations.applied_at IS 'when';

CREATE TABLE schema_functions (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_functions IS 'Which files of sql/functions/ stand in this database: functions, triggers and views. A file that changed is applied again.';
COMMENT ON COLUMN schema_functions.name IS 'of the file';
COMMENT ON COLUMN schema_functions.checksum IS 'SHA-256 of the file as it was applied';
COMMENT ON COLUMN schema_functions.applied_at IS 'when it was applied last';
