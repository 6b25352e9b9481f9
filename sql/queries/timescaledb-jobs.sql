-- Called by database/health, for metrics and doctor, on the community edition: its background jobs. Behind is
-- one without a success for three of its intervals, an hour at least; before its first run the schema's
-- age counts, so a scheduler that never starts shows as well.
SELECT job.job_id, concat_ws(' of ', job.proc_name, job.hypertable_name) AS name,
       coalesce(stats.last_run_status = 'Failed', false) AS is_failing,
       job.scheduled AND greatest(stats.last_successful_finish,
                                  (SELECT max(applied_at) FROM schema_migrations))
           < now() - greatest(3 * job.schedule_interval, interval '1 hour') AS is_behind,
       nullif(stats.last_successful_finish, '-infinity') AS succeeded_at,
       (SELECT err_message FROM timescaledb_information.job_errors AS error
         WHERE error.job_id = job.job_id ORDER BY start_time DESC LIMIT 1) AS error
  FROM timescaledb_information.jobs AS job
  LEFT JOIN timescaledb_information.job_stats AS stats USING (job_id)
 WHERE job.proc_name <> 'policy_telemetry' -- fails wherever it may not call home
 ORDER BY job.job_id
