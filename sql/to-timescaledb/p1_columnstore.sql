-- Called by `server.migrate --to-timescaledb` for the community edition: what columnstore.sql does, for the
-- readings of the grid meter.
ALTER TABLE p1_samples SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'device_id',
    timescaledb.orderby = 'ts'
);
CALL add_columnstore_policy('p1_samples', after => interval '45 days');
