-- The energies' plans are made once a connection, not once a question. With rows of one house alone the
-- planner took each range of days to be worth a plan of its own, as its estimates for one were a little
-- lower than those for any: 2 ms for each day, month or year shown, as much as finding the answer took.
ALTER FUNCTION sungrow_daily_energy(text, date, date) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION sungrow_short_energy(text, timestamptz, timestamptz) SET plan_cache_mode = force_generic_plan;
