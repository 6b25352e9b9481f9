-- Called by database/pool and doctor/database: the cheapest sign of life.
SELECT 1 AS alive
