-- Called by api/states: for how long the inverter said the same of itself, one row each time that it changed. A reading
-- covers the time to the next one, and where that is late (three intervals, a minute at least) its own interval.
WITH told AS (
    SELECT ts, running_state AS state,
           lead(ts) OVER (ORDER BY ts) AS next_ts, make_interval(secs => interval_s) AS own,
           make_interval(secs => greatest(3 * interval_s, 60)) AS reach
      FROM sungrow_samples
     WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s
), held AS (
    SELECT ts, state, least(CASE WHEN next_ts <= ts + reach THEN next_ts ELSE ts + own END, %(end)s) AS until
      FROM told
), steps AS (
    SELECT ts, state, until,
           lag(state) OVER moments IS DISTINCT FROM state OR lag(until) OVER moments IS DISTINCT FROM ts AS is_first
      FROM held
    WINDOW moments AS (ORDER BY ts)
), runs AS (
    SELECT ts, state, until, sum(is_first::int) OVER (ORDER BY ts) AS run
      FROM steps
)
SELECT min(ts) AS from_ts, max(until) AS to_ts, min(state) AS state
  FROM runs
 WHERE state IS NOT NULL
 GROUP BY run
 ORDER BY 1
