-- Plain PostgreSQL: p1_samples stays an ordinary table, as sungrow_samples does: see 0003_hypertable.plain.sql.
SELECT 'p1_samples is an ordinary table' AS note;
