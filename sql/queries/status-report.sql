-- Called by api/status: what the edge last reported of itself. Of what came at once, a slot of the future (a clock
-- ran ahead) is the last that counts.
SELECT received_at, slot, boot, clock, waiting, oldest_unsent_ts, parked
  FROM sungrow_reports WHERE device_id = %(device_id)s AND kind = %(kind)s
 ORDER BY received_at DESC, slot <= %(now)s DESC, slot DESC LIMIT 1
