-- The readings of the grid meter lie as the samples do: see 0003_hypertable.apache.sql.
SELECT create_hypertable('p1_samples', 'ts', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
