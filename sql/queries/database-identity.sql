-- Called by database/pool: which database of its server this is. It has another number where it was restored.
SELECT oid::bigint AS database, has_function_privilege('pg_control_system()', 'EXECUTE') AS may_ask_more
  FROM pg_database WHERE datname = current_database()
