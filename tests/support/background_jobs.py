"""Tries whether a database server's TimescaleDB can run a background job at all."""

import contextlib

import psycopg2

from server import sandbox
from tests.support.readings import connected, rows

STARTED_IN_S, RUN_IN_S = 75, 30
_TRIAL = (
    "CREATE PROCEDURE trial_job(job_id int, config jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$",
    "SELECT add_job('trial_job', interval '1 hour', initial_start => now())",
)
_SCHEDULER = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'TimescaleDB Background Worker Scheduler'"
)
_OUTCOME = (
    "SELECT last_run_status AS status, (SELECT err_message FROM timescaledb_information.job_errors"
    "   WHERE job_id = job.job_id LIMIT 1) AS error"
    " FROM timescaledb_information.jobs AS job"
    " JOIN timescaledb_information.job_stats USING (job_id)"
    " WHERE job.proc_name = 'trial_job' AND last_run_status IS NOT NULL"
)


def background_jobs_problem(url: str) -> str | None:
    """Return why a job that does nothing fails in this database; None where it does not.

    One that never runs, for want of a free background worker, has not failed either.
    """
    for statement in _TRIAL:
        sandbox.execute(url, statement)
    with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
        sandbox.execute(url, "SELECT _timescaledb_functions.start_background_workers()")
    with connected(url) as connection:
        if not sandbox.wait_until(lambda: bool(rows(connection, _SCHEDULER)), STARTED_IN_S):
            return None
        sandbox.wait_until(lambda: bool(rows(connection, _OUTCOME)), RUN_IN_S)
        found = rows(connection, _OUTCOME)
    if not found or found[0]["status"] == "Success":
        return None
    return found[0]["error"] or "without a message"
