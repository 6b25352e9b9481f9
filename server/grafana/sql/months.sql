-- The thirteen months up to the end of the time, each beside the same days of the year before: of the running month
-- only as many as it has had.
WITH site AS (
    SELECT zone, least(($__timeTo()::timestamptz AT TIME ZONE zone)::date, (now() AT TIME ZONE zone)::date) AS last
      FROM (SELECT sungrow_timezone(${device:sqlstring}) AS zone) AS known
), span AS (
    SELECT zone, last, (date_trunc('month', last::timestamp) - interval '12 months')::date AS first,
           (date_trunc('month', last::timestamp) - interval '24 months')::date AS before
      FROM site
), month AS (
    SELECT date_trunc('month', (day + CASE WHEN year = 'before' THEN interval '1 year' ELSE interval '0' END))::date AS month,
           year, sum(pv_kwh) AS pv_kwh, sum(coalesce(load_counter_kwh, load_integral_kwh)) AS load_kwh,
           sum(import_kwh) AS import_kwh, sum(export_kwh) AS export_kwh
      FROM span
     CROSS JOIN LATERAL sungrow_house_days(${device:sqlstring}, before, last + 1) AS d
     CROSS JOIN (VALUES ('same'), ('before')) AS of (year)
     WHERE CASE WHEN year = 'same' THEN day >= first ELSE day + interval '1 year' <= last END
     GROUP BY 1, 2
)
SELECT to_char(month, 'YYYY-MM') AS month,
       sum(pv_kwh) FILTER (WHERE year = 'same') AS pv_kwh, sum(pv_kwh) FILTER (WHERE year = 'before') AS pv_before_kwh,
       sum(load_kwh) FILTER (WHERE year = 'same') AS load_kwh,
       sum(load_kwh) FILTER (WHERE year = 'before') AS load_before_kwh,
       sum(import_kwh) FILTER (WHERE year = 'same') AS import_kwh,
       sum(import_kwh) FILTER (WHERE year = 'before') AS import_before_kwh,
       sum(export_kwh) FILTER (WHERE year = 'same') AS export_kwh,
       sum(export_kwh) FILTER (WHERE year = 'before') AS export_before_kwh
  FROM month
 GROUP BY 1 HAVING bool_or(year = 'same')
 ORDER BY 1 DESC
