-- TimescaleDB community: chunks of a week, and columnstore after 45 days. Late rows still go in: a
-- compressed chunk takes inserts, and the policy compresses it again.
SELECT create_hypertable('sungrow_samples', 'ts', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
ALTER TABLE sungrow_samples SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'device_id',
    timescaledb.orderby = 'ts'
);
CALL add_columnstore_policy('sungrow_samples', after => interval '45 days');
