-- Called by `server.migrate --to-timescaledb` for the community edition, right before
-- 0007_aggregates.community.sql, which makes hours and days again; months follow with the functions. No
-- CASCADE: views of others that depend on these are theirs to drop.
DROP VIEW sungrow_monthly, sungrow_daily, sungrow_hourly;
