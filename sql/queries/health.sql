-- Called by health: the cheapest sign of life.
SELECT 1 AS alive
