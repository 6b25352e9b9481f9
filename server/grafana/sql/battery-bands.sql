-- How many hours of the time the battery was how full, and how warm; bands by their lower edges.
SELECT soc_from_pct, sum(seconds) FILTER (WHERE temp_from_c < 5) / 3600 AS below_5,
       sum(seconds) FILTER (WHERE temp_from_c = 5) / 3600 AS from_5,
       sum(seconds) FILTER (WHERE temp_from_c = 15) / 3600 AS from_15,
       sum(seconds) FILTER (WHERE temp_from_c = 25) / 3600 AS from_25,
       sum(seconds) FILTER (WHERE temp_from_c = 35) / 3600 AS from_35,
       sum(seconds) FILTER (WHERE temp_from_c >= 45) / 3600 AS from_45
  FROM sungrow_battery_hourly CROSS JOIN LATERAL unnest(bands) AS band
 WHERE device_id = ${device:sqlstring} AND $__timeFilter(bucket)
 GROUP BY soc_from_pct
 ORDER BY soc_from_pct DESC
