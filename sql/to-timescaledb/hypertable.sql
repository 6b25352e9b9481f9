-- Called by `server.migrate --to-timescaledb` where the samples are still in an ordinary table: they move
-- into chunks, in the transaction; their triggers and their key stay. What 0003_hypertable.apache.sql
-- makes of an empty table.
SELECT create_hypertable('sungrow_samples', 'ts', chunk_time_interval => interval '7 days',
    create_default_indexes => false, migrate_data => true);
