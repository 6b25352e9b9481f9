-- Called by `server.migrate --to-timescaledb` for the community edition: what
-- 0003_hypertable.community.sql has beyond a hypertable.
ALTER TABLE sungrow_samples SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'device_id',
    timescaledb.orderby = 'ts'
);
CALL add_columnstore_policy('sungrow_samples', after => interval '45 days');
