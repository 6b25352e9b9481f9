-- Called by database/health, for metrics and doctor: the versions of PostgreSQL and of TimescaleDB.
SELECT split_part(current_setting('server_version'), ' ', 1) AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb
