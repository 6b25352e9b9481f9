-- Called by `server.migrate --to-timescaledb` for the community edition, right before
-- 0004_utc_views.community.sql, which makes them anew. No CASCADE: views of others that stand on these
-- are theirs to drop.
DROP VIEW sungrow_monthly, sungrow_daily, sungrow_hourly;
