-- Called by database/pool, where it may: which of all PostgreSQL servers this is.
SELECT system_identifier FROM pg_control_system()
