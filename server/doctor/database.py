"""The checks of the database."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_lib import VERSION
from edge_lib.shared.command_names import edge_command, server_command
from edge_lib.shared.env import ConfigError
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding, version_numbers
from edge_lib.shared.timestamps import format_ts
from server import settings as settings_module
from server.auth.callers import Tokens
from server.database import health, migrations, zone_names
from server.database.pool import Database, DatabaseAway, DatabaseUnfit, Row
from server.doctor import timers
from server.doctor.timers import Timer
from server.nightly.jobs import NAMES

NIGHTLY = "sungrow-nightly"
LEAST_POSTGRESQL = 15
# Before, an insert into a compressed chunk stopped at the first row that was there already.
LEAST_TIMESCALEDB = (2, 18, 1)
CLOCKS_WITHIN = timedelta(seconds=2)
NIGHTLY_WITHIN = timedelta(hours=36)  # a night may be one of 25 hours, and a run take its time
SILENT_AFTER = timedelta(minutes=10)
ROOM_MB, NO_ROOM_MB = 2000, 500
DEBIANS_FOLDER = Path("/var/lib/postgresql")


def all_of(env: Mapping[str, str]) -> Iterator[Finding]:
    """Check the database as far as it can be reached."""
    try:
        db = Database(settings_module.database_url(env))
        db.rows("health", {})
    except ConfigError as error:
        yield Finding("database", FAILED, str(error))
        return
    except DatabaseUnfit as error:
        yield Finding("database", FAILED, str(error))
        return
    except DatabaseAway as error:
        reason = " ".join(str(error).split())
        yield Finding("database", FAILED, f"{reason}; is it running, and is DATABASE_URL right?")
        return
    yield Finding("database", OK, "answers")
    found = health.edition(db)
    yield edition(found)
    yield clock(db.rows("database-clock", {})[0]["now"], datetime.now(UTC))
    yield disk(**db.rows("database-place", {})[0])
    yield from (current := list(_schema(db)))
    if all(finding.state == OK for finding in current):
        yield from _zones(db, env)
        yield from jobs(health.jobs(db, found))
        yield from _devices(db, env)


def edition(found: health.Edition) -> Finding:
    """Return whether these versions are recent enough."""
    versions = f"PostgreSQL {found.postgresql}"
    if found.timescaledb:
        versions = f"TimescaleDB {found.timescaledb} ({found.name}) on {versions}"
    if version_numbers(found.postgresql) < (LEAST_POSTGRESQL,):
        return Finding(
            "edition", FAILED, f"{versions}: version {LEAST_POSTGRESQL} or later is needed"
        )
    if found.timescaledb and version_numbers(found.timescaledb) < LEAST_TIMESCALEDB:
        least = ".".join(map(str, LEAST_TIMESCALEDB))
        text = (
            f"{versions}: before {least} a resend into a compressed chunk lost the rows behind the "
            "first known one; install a newer package, then: ALTER EXTENSION timescaledb UPDATE"
        )
        return Finding("edition", WARNING, text)
    return Finding("edition", OK, versions)


def clock(theirs: datetime, ours: datetime) -> Finding:
    """Return whether this machine and the database's agree on the time."""
    apart_s = abs((theirs - ours).total_seconds())
    if apart_s > CLOCKS_WITHIN.total_seconds():
        text = f"{apart_s:.0f} s away from the database's; synchronise both with a time server"
        return Finding("clock", WARNING, text)
    return Finding("clock", OK, "agrees with the database's")


def disk(bytes: int, is_local: bool, folder: str | None) -> Finding:
    """Return whether the database has room, if its disk is one of this machine."""
    size = f"the database has {bytes >> 20} MB"
    place = Path(folder) if folder else DEBIANS_FOLDER
    if not (is_local and place.exists()):
        return Finding("disk", OK, f"{size}; its disk is not on this machine")
    free_mb = room_mb(place)
    text = f"{size}, {free_mb} MB are free at {place}"
    if free_mb < NO_ROOM_MB:
        return Finding("disk", FAILED, f"{text}: make room, or PostgreSQL stops")
    if free_mb < ROOM_MB:
        return Finding("disk", WARNING, f"{text}: make room soon")
    return Finding("disk", OK, text)


def free(env: Mapping[str, str]) -> dict[str, int] | None:
    """Return the bytes of the database's disk; None where it is not on this machine, or unknown."""
    try:
        (place,) = Database(settings_module.database_url(env)).rows("database-place", {})
    except (ConfigError, DatabaseAway):
        return None
    folder = Path(place["folder"]) if place["folder"] else DEBIANS_FOLDER
    if not place["is_local"]:
        return None
    for seen in (folder, *folder.parents):
        try:
            figures = os.statvfs(seen)
        except OSError:
            continue
        unit = figures.f_frsize
        return {"free_bytes": figures.f_bavail * unit, "size_bytes": figures.f_blocks * unit}
    return None


def alerts(found: list[Row], now: datetime) -> Finding:
    """Return whether somebody is told when something is wrong, by the row of ``alerts-doctor``."""
    if not found:
        text = "nobody is told when something is wrong: docs/alerts.md shows how, in five minutes"
        return Finding("alerts", OK, text)
    (row,) = found
    ran = format_ts(row["finished_at"])
    look = "journalctl -u sungrow-alerts; systemctl list-timers sungrow-alerts.timer"
    if now - row["finished_at"] > SILENT_AFTER:
        return Finding("alerts", FAILED, f"the rules were last judged {ran}: see {look}")
    if not row["channels"]:
        return Finding("alerts", WARNING, "no channel is set up: see docs/alerts.md")
    if row["broken"]:
        text = f"{', '.join(row['broken'])} refuses messages; run: {server_command('alerts test')}"
        return Finding("alerts", FAILED, text)
    return Finding("alerts", OK, f"judged {ran}; told by {', '.join(row['channels'])}")


def room_mb(folder: Path) -> int:
    """Return the megabytes free at the folder, or at its nearest parent that we can see."""
    for place in (folder, *folder.parents):
        try:
            figures = os.statvfs(place)
        except PermissionError:
            continue
        return figures.f_bavail * figures.f_frsize >> 20
    return 0


def jobs(found: list[Row] | None) -> Iterator[Finding]:
    """Return which of TimescaleDB's jobs fail or are late."""
    for job in found or ():
        if job["is_failing"]:
            reason = job["error"] or "see timescaledb_information.job_errors"
            text = f"{job['name']} fails: {reason}; by hand: CALL run_job({job['job_id']})"
            yield Finding("jobs", FAILED, " ".join(text.split()))
        elif job["is_behind"]:
            last = f"since {format_ts(job['succeeded_at'])}" if job["succeeded_at"] else "yet"
            text = (
                f"{job['name']} has not succeeded {last}; is its scheduler running? See "
                "timescaledb.max_background_workers, and PostgreSQL's log"
            )
            yield Finding("jobs", FAILED, text)
    if found is None:
        yield Finding("jobs", OK, "none: this edition needs none")
    elif not any(job["is_failing"] or job["is_behind"] for job in found):
        yield Finding("jobs", OK, f"all {len(found)} succeed")


def nightly(found: list[Row], now: datetime, ask: Callable[[str], Timer]) -> Iterator[Finding]:
    """Return whether the jobs of the night ran.

    Args:
        found: the rows of ``health.nightly``.
        now: the time.
        ask: what systemd says of the timer that runs them; called where one has not run.
    """
    due = [row for row in found if not _is_done(row, now)]
    if due:
        timer = ask(NIGHTLY)
        yield from (_night_of(row, timer) for row in due)
    else:
        newest = max((row["finished_at"] for row in found), default=None)
        text = f"ran last {format_ts(newest)}" if newest else "no house has a history yet"
        yield Finding("nightly", OK, text)


def _is_done(row: Row, now: datetime) -> bool:
    return row["finished_at"] is not None and now - row["finished_at"] <= NIGHTLY_WITHIN


def _night_of(row: Row, timer: Timer) -> Finding:
    """Return how it is with a job that has not run within ``NIGHTLY_WITHIN``."""
    job, ran, by_hand = f"{row['job']} of {row['device_id']}", row["finished_at"], "or by hand"
    said = f"{job} last succeeded {format_ts(ran)}" if ran else f"{job} has never run"
    if timer.state == timers.ON and not ran and not timer.has_failed:
        # Of older readings that came today, say.
        night = timer.next_run or "at night"
        text = f"{job} has not run yet; {NIGHTLY}.timer runs it {night}; {by_hand}"
        return Finding("nightly", OK, f"{text}: {server_command('nightly')}")
    then = f"see journalctl -u {NIGHTLY}"
    if timer.state == timers.OFF:
        then = f"its timer is off: systemctl enable --now {NIGHTLY}.timer"
    elif timer.state == timers.NONE:
        then = "nothing runs it at night here"
    elif timer.state == timers.UNKNOWN and not ran:
        then = f"is its timer on (systemctl list-timers {NIGHTLY}.timer)?"
    text = f"{said}; {then}; {by_hand}: {server_command('nightly')}"
    return Finding("nightly", FAILED if ran else WARNING, text)


def device(row: Row, now: datetime, has_meter: bool = False) -> Iterator[Finding]:
    """Return how one device is.

    Args:
        row: its row of ``health.devices``.
        now: the time.
        has_meter: whether its grid meter has sent readings; then it may have no inverter.
    """
    name = row["device_id"]
    if row["newest_ts"] is None and has_meter:
        text = f"{name}: only its grid meter has sent readings so far, no inverter"
        yield Finding("device", OK, text)
    else:
        yield _newest(name, row["newest_ts"], now)
    if row["edge_version"]:
        yield _version(name, row["edge_version"])
    if row["lost"]:
        text = (
            f"{row['lost']} readings of {name} of the last 7 days are lost; see /v1/completeness, "
            f"and on its Pi run: {edge_command('reconcile')}"
        )
        yield Finding("lost", FAILED, text)
    if row["parked"]:
        text = f"{row['parked']} readings of {name} are parked; on its Pi run: "
        text += edge_command("parked")
        yield Finding("parked", WARNING, text)


def meter(row: Row, now: datetime) -> Iterator[Finding]:
    """Return how the grid meter of a device is, by its row of ``health.meters``."""
    name = row["device_id"]
    if row["newest_ts"] is None:
        text = f"no reading of the grid meter of {name} could be stored yet"
        yield Finding("p1", WARNING, f"{text}; look at what reads it")
    elif now - row["newest_ts"] > SILENT_AFTER:
        text = f"the grid meter of {name} has been silent since {format_ts(row['newest_ts'])}"
        yield Finding("p1", WARNING, f"{text}; look at what reads it")
    else:
        age_s = max(0, round((now - row["newest_ts"]).total_seconds()))
        yield Finding("p1", OK, f"{name}: newest P1 reading {age_s} s old")
    if row["lost"]:
        text = (
            f"{row['lost']} P1 readings of {name} of the last 7 days are lost; see "
            f"/v1/completeness?kind=p1, and on its Pi run: {edge_command('reconcile')}"
        )
        yield Finding("lost", FAILED, text)
    if row["parked"]:
        text = f"{row['parked']} P1 readings of {name} of the last 7 days are parked"
        yield Finding("parked", WARNING, f"{text}: see the table sungrow_parked, kind p1")


def _newest(name: str, newest: datetime | None, now: datetime) -> Finding:
    if newest is None:
        text = f"{name} has never sent anything; on its Pi run: {edge_command('doctor')}"
        return Finding("device", WARNING, text)
    if now - newest > SILENT_AFTER:
        look = edge_command("status")
        text = f"{name} has been silent since {format_ts(newest)}; on its Pi run: {look}"
        return Finding("device", WARNING, text)
    age_s = max(0, round((now - newest).total_seconds()))
    return Finding("device", OK, f"{name}: newest sample {age_s} s old")


def _version(name: str, version: str) -> Finding:
    if version == VERSION:
        return Finding("edge", OK, f"{name} runs {VERSION}, as this server")
    if version_numbers(version) > version_numbers(VERSION):
        text = f"{name} runs {version}, newer than this server's {VERSION}: upgrade the server"
    else:
        text = f"{name} runs {version}, older than this server's {VERSION}: upgrade that edge"
    return Finding("edge", WARNING, text)


def _schema(db: Database) -> Iterator[Finding]:
    with db.transaction() as cursor:
        found = migrations.problems(cursor)
    for problem in found:
        yield Finding("schema", FAILED, problem)
    if not found:
        yield Finding("schema", OK, "current")


def _zones(db: Database, env: Mapping[str, str]) -> Iterator[Finding]:
    found, tokens = list(_site_zone(db, env)), _tokens(env)
    for row in db.rows("zones-stored", {"device_ids": tokens.houses() if tokens else []}):
        if row["device_id"] or not found:
            found += _stored_zone(db, row["device_id"], row["timezone"])
    yield from found or [Finding("zone", OK, "as in the settings, and read alike by all")]


def _site_zone(db: Database, env: Mapping[str, str]) -> Iterator[Finding]:
    try:
        with db.transaction() as cursor:
            migrations.refuse_other_timezone(cursor, settings_module.site_timezone(env))
    except (migrations.SchemaError, ConfigError) as error:
        yield Finding("zone", FAILED, str(error))


def _stored_zone(db: Database, device_id: str | None, name: str) -> Iterator[Finding]:
    whose = f"{device_id or 'the site'} has the zone {name!r}, which"
    if problem := zone_names.problem(name):
        helps = f"--device {device_id} --timezone {zone_names.instead(name)}"
        text = f"{whose} {problem}; run: {server_command(f'rebuild {helps}')}"
        yield Finding("zone", FAILED, text)
    elif moment := health.zone_disagreement(db, name):
        text = (
            f"{whose} PostgreSQL and this machine read differently, at {format_ts(moment)} for "
            "one; upgrade tzdata on both machines"
        )
        yield Finding("zone", WARNING, text)


def _devices(db: Database, env: Mapping[str, str]) -> Iterator[Finding]:
    tokens = _tokens(env)
    if tokens is None:
        yield Finding("device", WARNING, "not checked: the tokens have to be corrected first")
        return
    yield alerts(db.rows("alerts-doctor", {}), datetime.now(UTC))
    yield from nightly(health.nightly(db, tokens.devices(), NAMES), datetime.now(UTC), timers.timer)
    meters = health.meters(db, tokens.houses())
    heard = {row["device_id"] for row in meters if row["newest_ts"]}
    for row in health.devices(db, tokens.devices()):
        yield from device(row, datetime.now(UTC), row["device_id"] in heard)
    for row in meters:
        yield from meter(row, datetime.now(UTC))


def _tokens(env: Mapping[str, str]) -> Tokens | None:
    """Return the tokens; None if they cannot be read."""
    try:
        return Tokens(env)
    except ConfigError:
        return None
