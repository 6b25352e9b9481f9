-- Hours and days UTC are views over sungrow_5min here, always exact: functions/sungrow_hourly.apache.plain.sql
-- and its kin. On TimescaleDB's community edition this file makes continuous aggregates of them.
SELECT 'sungrow_hourly and sungrow_daily are views' AS note;
