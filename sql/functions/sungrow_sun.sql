-- Where the sun is at a moment, seen from a place (degrees; north and east are positive): azimuth from north,
-- clockwise, from 0 to below 360, and elevation above the horizon with the air's refraction, for any moment of 1950 to
-- 2100. SELECT * FROM sungrow_sun(now(), 51.2, 4.4).
--
-- It is edge_lib/shared/sun.py, line by line, and gives the same to a billionth of a degree: a change of one is a
-- change of both. Each OFFSET 0 keeps the planner from writing a step out wherever the next ones name it.
CREATE OR REPLACE FUNCTION sungrow_sun(ts timestamptz, latitude_deg double precision, longitude_deg double precision)
RETURNS TABLE (azimuth_deg double precision, elevation_deg double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN turned >= 360 THEN 0 ELSE turned END,
           height + CASE WHEN height > 85 THEN 0
                         WHEN height > 5 THEN (58.1 / t - 0.07 / (t * t * t) + 0.000086 / (t * t * t * t * t)) / 3600
                         WHEN height > -0.575 THEN
                             (1735 + height * (-518.2 + height * (103.4 + height * (-12.79 + height * 0.711)))) / 3600
                         ELSE -20.772 / t / 3600 END
      FROM (SELECT height, tan(radians(height)) AS t,
                   CASE WHEN direction < 0 THEN direction + 360 ELSE direction END AS turned
              FROM (SELECT degrees(atan2(to_east, to_north)) AS direction,
                           degrees(atan2(up, sqrt(to_north * to_north + to_east * to_east))) AS height
                      FROM (SELECT cos(lat) * sin(decl) - sin(lat) * cos(decl) * cos(hour) AS to_north,
                                   -sin(hour) * cos(decl) AS to_east,
                                   sin(lat) * sin(decl) + cos(lat) * cos(decl) * cos(hour) AS up
                              FROM (SELECT radians(latitude_deg) AS lat, asin(sin(tilt) * sin(apparent)) AS decl,
                                           radians(((unix_s - 86400 * floor(unix_s / 86400)) / 60 + 4 * longitude_deg
                                               + 4 * degrees(y * sin(2 * mean) - 2 * e * sin(anomaly)
                                                   + 4 * e * y * sin(anomaly) * cos(2 * mean)
                                                   - y * y / 2 * sin(4 * mean)
                                                   - 1.25 * e * e * sin(2 * anomaly))) / 4 - 180) AS hour
                                      FROM (SELECT *, tan(tilt / 2) * tan(tilt / 2) AS y,
                                                   mean + radians(sin(anomaly) * (1.914602 - c * (0.004817 + 0.000014 * c))
                                                       + sin(2 * anomaly) * (0.019993 - 0.000101 * c)
                                                       + sin(3 * anomaly) * 0.000289
                                                       - 0.00569 - 0.00478 * sin(node)) AS apparent
                                              FROM (SELECT *, radians(280.46646 + c * (36000.76983 + 0.0003032 * c)) AS mean,
                                                           radians(357.52911 + c * (35999.05029 - 0.0001537 * c)) AS anomaly,
                                                           0.016708634 - c * (0.000042037 + 0.0000001267 * c) AS e,
                                                           radians(125.04 - 1934.136 * c) AS node,
                                                           radians(23 + (26 + (21.448 - c * (46.815 + c * (0.00059
                                                               - 0.001813 * c))) / 60) / 60
                                                               + 0.00256 * cos(radians(125.04 - 1934.136 * c))) AS tilt
                                                      FROM (SELECT unix_s, (unix_s - 946728000) / 3155760000 AS c
                                                              FROM (SELECT extract(epoch FROM ts)::double precision AS unix_s
                                                                    OFFSET 0) AS asked OFFSET 0) AS century
                                                    OFFSET 0) AS year OFFSET 0) AS shape OFFSET 0) AS angle
                            OFFSET 0) AS sides OFFSET 0) AS direction OFFSET 0) AS seen
$$;
