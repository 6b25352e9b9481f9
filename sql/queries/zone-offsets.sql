-- Called by database/health: how far PostgreSQL takes a zone's clocks to be ahead of UTC, moment by moment.
SELECT moment, extract(epoch FROM moment AT TIME ZONE %(zone)s - moment AT TIME ZONE 'UTC')::integer AS offset_s
  FROM unnest(%(moments)s::timestamptz[]) AS moment
