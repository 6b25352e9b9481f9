-- Called by api/gaps: the gaps of a kind between two times, each with its cause.
SELECT from_ts, to_ts, cause, duration_s, running
  FROM sungrow_gap_list(%(device_id)s, %(first)s, %(end)s, %(kind)s)
