-- Called by doctor/database, for doctor: how large the database is, whether it runs on this machine, and
-- where its files lie, as far as this role may know.
SELECT pg_database_size(current_database()) AS bytes,
       coalesce(inet_server_addr() <<= inet '127.0.0.0/8' OR inet_server_addr() = inet '::1', true) AS is_local,
       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS folder
