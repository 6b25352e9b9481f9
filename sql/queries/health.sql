-- Called by health and checks_database: the cheapest sign of life.
SELECT 1 AS alive
