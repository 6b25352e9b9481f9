-- What the role of server.alerts may do: read what its rules need, and write alerts, their messages and silences.
-- install-server runs it after each migration, and restore-server after a restore, as the database's superuser:
-- it may be run again at any time. By hand:
--   createuser sungrow-alerts; psql -v role=sungrow-alerts -d sungrow -f sql/roles/alerts.sql
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT ON schema_migrations, schema_functions, sungrow_site, sungrow_devices, sungrow_inverters,
    sungrow_samples, sungrow_5min, sungrow_local_daily, sungrow_envelope, sungrow_reports, sungrow_seqs, sungrow_gaps,
    sungrow_parked, sungrow_forgotten, sungrow_fault_codes, sungrow_fault_5min, p1_samples, p1_5min, p1_local_daily,
    sungrow_battery_results, sungrow_battery_anchors, sungrow_battery_days,
    sungrow_strings_5min, sungrow_sites, sungrow_roof_results
    TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON sungrow_alerts, sungrow_alert_outbox, sungrow_silences, sungrow_alert_run
    TO :"role";
