-- Called by api/silences: end a silence of one of these devices now; nothing where there is none.
WITH ended AS (
    UPDATE sungrow_silences SET to_ts = greatest(from_ts, %(now)s)
     WHERE id = %(id)s AND to_ts > %(now)s AND device_id = ANY (%(device_ids)s)
    RETURNING id)
SELECT id FROM ended
