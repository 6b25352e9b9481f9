-- Each bit of a fault word by itself: since when it was set, and until when. It is over once the readings of ten
-- minutes were without it; a time without readings neither ends it nor makes it longer. First the runs of a whole
-- word, most of which last: so a fault that stands for years costs a look at each of its five minutes, and no more.
CREATE OR REPLACE VIEW sungrow_fault_episodes AS
WITH step AS (
    SELECT device_id, bucket, word, bits, polls, first_ts, last_ts,
           first_ts - lag(last_ts) OVER by_word < interval '10 minutes' AS goes_on
      FROM sungrow_fault_5min WINDOW by_word AS (PARTITION BY device_id, word, bits ORDER BY bucket)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE goes_on IS NOT TRUE)
                  OVER (PARTITION BY device_id, word, bits ORDER BY bucket) AS run
      FROM step
), lasting AS (
    SELECT device_id, word, bits, min(first_ts) AS first_ts, max(last_ts) AS last_ts, sum(polls)::bigint AS polls
      FROM numbered GROUP BY device_id, word, bits, run
), bit AS (
    SELECT device_id, word, bit, value, first_ts, last_ts, polls
      FROM lasting
     CROSS JOIN LATERAL (SELECT b::smallint AS bit, NULL::integer AS value FROM generate_series(0, 31) AS b
                          WHERE word <> 13000 AND bits & (1::bigint << b) <> 0
                         UNION ALL
                         SELECT NULL, bits::integer WHERE word = 13000) AS of_word
), before AS (
    SELECT *, max(last_ts) OVER (PARTITION BY device_id, word, bit, value ORDER BY first_ts, last_ts
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_ts
      FROM bit
), episode AS (
    SELECT *, count(*) FILTER (WHERE ended_ts IS NULL OR sungrow_is_quiet(device_id, ended_ts, first_ts))
                  OVER (PARTITION BY device_id, word, bit, value ORDER BY first_ts, last_ts) AS number
      FROM before
), whole AS (
    SELECT device_id, word, bit, value, min(first_ts) AS from_ts, max(last_ts) AS last_ts, sum(polls)::bigint AS polls
      FROM episode GROUP BY device_id, word, bit, value, number
)
SELECT e.device_id, e.word, e.bit, n.code,
       CASE WHEN e.value IN (21760, 256) THEN 'Stopped by a fault that the dongle does not name; see the app'
            WHEN e.value = 37120 THEN 'Runs with a warning that the dongle does not name; see the app'
            WHEN e.value IS NOT NULL THEN c.text || ' (no fault word is set; see the app)'
            WHEN c.text IS NOT NULL THEN c.text
            WHEN n.code IS NOT NULL THEN format('Code %s (unknown to this version)', n.code)
            ELSE format('Bit %s of word %s (unknown to this version)', e.bit, e.word) END AS text,
       coalesce(c.severity, w.severity, 'fault') AS severity, e.from_ts,
       CASE WHEN sungrow_is_quiet(e.device_id, e.last_ts, 'infinity') THEN e.last_ts END AS to_ts, e.polls,
       coalesce(c.advice, 'Look the code up in the app, or ask the installer') AS advice, e.value, e.last_ts
  FROM whole AS e
  LEFT JOIN sungrow_fault_words() AS w ON w.word = e.word
  LEFT JOIN LATERAL (SELECT CASE WHEN e.bit < 16 THEN w.low + e.bit ELSE w.high + e.bit - 16 END AS code) AS n ON true
  LEFT JOIN sungrow_fault_codes AS c
         ON c.word = e.word AND c.bit IS NOT DISTINCT FROM e.bit AND c.value IS NOT DISTINCT FROM e.value;
COMMENT ON VIEW sungrow_fault_episodes IS 'Faults of each device: one row from the first reading with a bit to the last one; to_ts null: it is not over.';
COMMENT ON COLUMN sungrow_fault_episodes.device_id IS 'which device';
COMMENT ON COLUMN sungrow_fault_episodes.word IS 'document number of the word; 13000: the running state, while no word names a fault';
COMMENT ON COLUMN sungrow_fault_episodes.bit IS 'of the word, 0 is the lowest; null: of the running state';
COMMENT ON COLUMN sungrow_fault_episodes.code IS 'as the app shows it; null where nobody knows it';
COMMENT ON COLUMN sungrow_fault_episodes.text IS 'what it means, English';
COMMENT ON COLUMN sungrow_fault_episodes.severity IS 'info, warning, fault, permanent';
COMMENT ON COLUMN sungrow_fault_episodes.from_ts IS 'of the first reading with it';
COMMENT ON COLUMN sungrow_fault_episodes.to_ts IS 'of the last reading with it; null: it is not over';
COMMENT ON COLUMN sungrow_fault_episodes.polls IS 'readings with it';
COMMENT ON COLUMN sungrow_fault_episodes.advice IS 'what to do, English';
COMMENT ON COLUMN sungrow_fault_episodes.value IS 'the running state, where it is that';
COMMENT ON COLUMN sungrow_fault_episodes.last_ts IS 'of the last reading with it so far';
