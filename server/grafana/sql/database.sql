-- How much room the database takes.
SELECT pg_database_size(current_database()) AS database_bytes
