-- The readings of the grid meter lie as the samples do: see 0003_hypertable.community.sql.
SELECT create_hypertable('p1_samples', 'ts', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
ALTER TABLE p1_samples SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'device_id',
    timescaledb.orderby = 'ts'
);
CALL add_columnstore_policy('p1_samples', after => interval '45 days');
