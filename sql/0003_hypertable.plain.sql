-- Plain PostgreSQL: sungrow_samples stays an ordinary table. `python -m server.migrate
-- --to-timescaledb` makes a hypertable of it once the extension is there.
SELECT 'sungrow_samples is an ordinary table' AS note;
