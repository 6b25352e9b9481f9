-- Called by alerts/book: what these bits of a fault word mean, or a value of the running state.
SELECT w.word, bit.bit, coalesce(c.code, CASE WHEN bit.bit < 16 THEN w.low + bit.bit ELSE w.high + bit.bit - 16 END) AS code,
       c.text, c.advice
  FROM sungrow_fault_words() AS w
 CROSS JOIN unnest(%(bits)s::integer[]) AS bit (bit)
  LEFT JOIN sungrow_fault_codes AS c ON c.word = w.word AND c.bit = bit.bit
 WHERE w.word = %(word)s
UNION ALL
SELECT word, NULL, code, text, advice FROM sungrow_fault_codes WHERE word = %(word)s AND value = %(value)s
 ORDER BY bit
