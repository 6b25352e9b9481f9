-- Called by `server.migrate --to-timescaledb`: what hypertable.sql does, for the readings of the grid meter.
SELECT create_hypertable('p1_samples', 'ts', chunk_time_interval => interval '7 days',
    create_default_indexes => false, migrate_data => true);
