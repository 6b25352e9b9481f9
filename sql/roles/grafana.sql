-- What Grafana may do: read what its panels need, and nothing else; no message of an alert, no serial number but for
-- the change of an inverter, no raw reading that could not be decoded.
-- install-server runs its grants after each upgrade, and restore-server after a restore, where the role is there. It may be
-- run again at any time. By hand, as a superuser:
--   psql -v role=sungrow_grafana -d sungrow -f sql/roles/grafana.sql
SELECT format('CREATE ROLE %I', :'role') WHERE to_regrole(quote_ident(:'role')) IS NULL \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 10;
ALTER ROLE :"role" SET default_transaction_read_only = on;
ALTER ROLE :"role" SET statement_timeout = '10s';
ALTER ROLE :"role" SET jit = off;
ALTER ROLE :"role" SET timezone = 'UTC';
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT ON sungrow_site, sungrow_inverters, sungrow_samples, sungrow_5min, sungrow_local_daily,
    sungrow_house_5min, sungrow_house_daily, sungrow_hourly, sungrow_daily, sungrow_monthly, sungrow_energy,
    sungrow_house_daily_energy, sungrow_completeness, sungrow_envelope, sungrow_reports, sungrow_seqs, sungrow_gaps,
    sungrow_forgotten, sungrow_fault_codes, sungrow_fault_5min, sungrow_fault_episodes, p1_samples, p1_5min,
    p1_local_daily, p1_month_peaks, p1_quarters, p1_month_peak_quarters, sungrow_alerts, sungrow_alert_run,
    sungrow_battery_hourly, sungrow_battery_anchors, sungrow_battery_windows, sungrow_battery_capacity,
    sungrow_battery_results, sungrow_strings_5min, sungrow_string_limits, sungrow_shade_bins, sungrow_roof_results
    TO :"role";
GRANT SELECT (device_id, name, timezone, device_type_code, model, nominal_power_w, firmware, has_meter, has_battery,
    battery_capacity_kwh, edge_version, p1_lag_s, updated_at) ON sungrow_devices TO :"role";
GRANT SELECT (device_id, kind, boot, seq, ts, reason, received_at) ON sungrow_parked TO :"role";
GRANT SELECT (id, alert_id, channel, event, n, not_before, created_at, attempts, claimed_at, refused_at, delivered_at,
    given_up_at, dropped_at) ON sungrow_alert_outbox TO :"role";
