-- Called by nightly/days: notes what a job has seen of some days, forgets those that are no more, and notes that it ran.
WITH day AS (
    SELECT * FROM unnest(%(days)s::date[], %(seen)s::bigint[]) AS day (day, seen)
), gone AS (
    DELETE FROM sungrow_nightly
     WHERE job = %(job)s AND device_id = %(device_id)s AND day IN (SELECT day FROM day WHERE seen IS NULL)
), noted AS (
    INSERT INTO sungrow_nightly (job, device_id, day, seen)
    SELECT %(job)s, %(device_id)s, day, seen FROM day WHERE seen IS NOT NULL
    ON CONFLICT (job, device_id, day) DO UPDATE SET seen = excluded.seen
)
INSERT INTO sungrow_nightly_runs (job, device_id)
SELECT %(job)s, %(device_id)s WHERE %(has_run)s
ON CONFLICT (job, device_id) DO UPDATE SET finished_at = now()
