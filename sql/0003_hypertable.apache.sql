-- TimescaleDB under the Apache licence (Debian's package): chunks of a week, no columnstore.
SELECT create_hypertable('sungrow_samples', 'ts', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
