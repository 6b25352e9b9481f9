"""The checks of this machine: settings, secrets, disk, spool, the running service.

Each public function here, in ``doctor.dongle`` and in ``doctor.server`` makes one check or some and
returns findings. It changes nothing, and raises ConfigError where a setting keeps it from checking.
"""

import os
import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from edge_lib import VERSION, config, health
from edge_lib.shared.command_names import edge_command, is_installed
from edge_lib.shared.env import ConfigError, is_too_open, secret, secret_file
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding
from edge_lib.spool import file, kinds, queue, schema
from edge_lib.spool.errors import SpoolError, sqlite_errors
from edge_lib.spool.queue import Counts
from edge_lib.spool.recovery import soundness
from edge_lib.spool.reserve import ROOM_BYTES

TOKEN_FILE = Path("/etc/sungrow-edge/token")  # where install-edge puts it
# The name of an ntfy topic is a password, and so may be the address of a webhook.
_SECRETS = ("VPS_TOKEN", "P1_TOKEN", "ALERT_WEBHOOK_URL", "ALERT_NTFY_URL")
LITTLE_ROOM_BYTES = 200 << 20
# A hundred days of readings: more than a card reads in the time that the command has.
READ_THROUGH_BYTES = 500 << 20
_MB = 1 << 20


class Service(NamedTuple):
    """Whether the service holds the spool, and what its health file says; empty: nothing."""

    runs: bool
    state: health.State


def settings(env: Mapping[str, str]) -> list[Finding]:
    """Name every setting on which the service would not start."""
    found = [Finding("settings", FAILED, text) for text in config.problems(env)]
    return found or [Finding("settings", OK, f"well-formed, for {config.device_id(env)}")]


def secrets(env: Mapping[str, str], dotenv: Path) -> list[Finding]:
    """Return whether others could read a secret; ``settings`` names what its own file lacks."""
    if dotenv.exists() and dotenv.stat().st_mode & stat.S_IRWXO:
        known = dotenv_values(dotenv)
        if held := ", ".join(name for name in _SECRETS if known.get(name)):
            text = f"others on this machine may read {held} in {dotenv}; run: chmod 640 {dotenv}"
            return [Finding("secrets", FAILED, text)]
    if not secret(env, "VPS_TOKEN"):
        return [Finding("secrets", WARNING, "there is no token yet")]
    if path := secret_file(env, "VPS_TOKEN"):
        return [Finding("secrets", OK, f"the token is in {path}")]
    if is_installed() and TOKEN_FILE.exists():
        return [_of_root(TOKEN_FILE)]
    return [Finding("secrets", OK, "the token is in the environment")]


def _of_root(path: Path) -> Finding:
    """Return whether the file of an installed edge's token is root's alone; nothing else checks it.

    The service has its token by systemd, and this command by the script that runs it: both read
    the file as root, whatever its mode is.
    """
    status = path.stat()
    if is_too_open(status.st_mode):
        mode = stat.S_IMODE(status.st_mode)
        text = f"others on this machine may read or change the token in {path} (mode {mode:04o}); "
        return Finding("secrets", FAILED, f"{text}run: sudo chmod 600 {path}")
    if status.st_uid not in (0, os.getuid()):
        text = f"{path} belongs to user {status.st_uid}, who may read and change the token; "
        return Finding("secrets", FAILED, f"{text}run: sudo chown root:root {path}")
    text = f"the token is in {path}, which is closed to others; systemd passes it to the service"
    return Finding("secrets", OK, text)


def disk(env: Mapping[str, str]) -> Iterator[Finding]:
    """Return whether spool and health file have a place that takes them."""
    place = config.store_config(env)
    for folder in dict.fromkeys((place.spool_path.parent, place.health_path.parent)):
        yield room(folder)


def room(folder: Path) -> Finding:
    """Return whether a folder can be written to, and for how long."""
    try:
        disk = os.statvfs(folder)
    except PermissionError:
        return not_allowed("disk", folder)
    except OSError as error:
        text = f"{folder}: {error.strerror}; create it, for the service's user"
        return Finding("disk", FAILED, text)
    free = disk.f_bavail * disk.f_frsize
    text = f"{free // _MB} MB are free at {folder}"
    if disk.f_flag & os.ST_RDONLY:
        text = (
            f"{folder} is mounted read-only, as a card is that fails: see `dmesg`, replace it; "
            "meanwhile readings wait in memory"
        )
        return Finding("disk", FAILED, text)
    if not os.access(folder, os.W_OK):
        return not_allowed("disk", folder)
    if free < ROOM_BYTES or (disk.f_files and not disk.f_favail):
        text = f"{text}: make room; once nothing is left, readings wait in memory"
        return Finding("disk", FAILED, text)
    if free < LITTLE_ROOM_BYTES:
        return Finding("disk", WARNING, f"{text}: make room soon")
    return Finding("disk", OK, text)


def service_of(place: config.StoreConfig) -> Service:
    """Return whether the service runs, and its last state.

    Raises:
        OSError: not allowed to.
    """
    try:
        state = health.read(place.health_path)
    except (FileNotFoundError, ValueError):
        state = {}
    return Service(file.is_locked(place.spool_path), state)


def service(env: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    """Return whether the service runs and delivers."""
    found = service_of(config.store_config(env))
    if not found.runs:
        if not found.state:
            yield Finding("service", OK, "has not run yet")
            return
        text = "does not run; start it: systemctl start sungrow-edge"
        yield Finding("service", WARNING, f"{text} (last seen {found.state.get('written_ts')})")
        return
    parts = health.complaints_by_part(found.state, now)
    complaints = parts["upload"] + parts["clock"]
    yield from (Finding("service", FAILED, text) for text in complaints)
    if (version := found.state.get("version", VERSION)) != VERSION:
        text = f"still runs {version}, and this is {VERSION}: systemctl restart sungrow-edge"
        yield Finding("service", WARNING, text)
    elif not complaints:
        text = f"runs; last delivery {found.state.get('last_upload_ts') or 'none yet'}"
        yield Finding("service", OK, text)


def spool(env: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    """Return whether the spool is whole and what is in it; while the service runs, as that says."""
    place = config.store_config(env)
    found = service_of(place)
    if found.runs:
        state = found.state
        complaints = health.complaints_by_part(state, now)["spool"]
        yield from (Finding("spool", FAILED, text) for text in complaints)
        if not complaints:
            text = f"held by the service: {state.get('spool_count', 'unknown')} readings wait"
            yield Finding("spool", OK, text)
        yield from _parked(state.get("parked_count") or 0)
        yield from _damaged(state.get("damaged_count") or 0)
    elif not place.spool_path.exists():
        yield Finding("spool", OK, f"{place.spool_path} is made at the first start")
    else:
        yield from _file(place.spool_path)


def _file(path: Path) -> Iterator[Finding]:
    try:
        read_through = path.stat().st_size <= READ_THROUGH_BYTES
        damage = file.damage(path, thorough=False) if read_through else None
        if damage:
            text = (
                f"{path} is damaged ({damage}); at its next start the service moves it aside and "
                "brings over what can be read: do not delete it"
            )
            yield Finding("spool", FAILED, text)
            return
        with sqlite_errors(), closing(file.connect_read_only(path)) as db:
            found = schema.version(db, path)
            if found is None:
                yield Finding("spool", OK, f"{path} is empty")
                return
            counts = _counts(db)
            set_aside = soundness.count(db) if found > 1 else 0
    except SpoolError as error:
        yield Finding("spool", FAILED, str(error))
        return
    waiting = counts.depth + counts.provisional
    since = f", the oldest of {counts.oldest_unsent_ts}" if counts.oldest_unsent_ts else ""
    whole = "whole" if read_through else "too large to be read through"
    yield Finding("spool", OK, f"{whole}; {waiting} readings wait{since}")
    yield from _owner(path)
    yield from _parked(counts.parked)
    yield from _damaged(set_aside)


def _counts(db: sqlite3.Connection) -> Counts:
    """Count what waits of all kinds."""
    found = []
    for kind in kinds.present(db):
        queue.begin_to_count(db, kind)
        found.append(queue.counts(db, set(), kind))
    oldest = [c.oldest_unsent_ts for c in found if c.oldest_unsent_ts]
    return Counts(
        sum(c.depth for c in found),
        sum(c.parked for c in found),
        min(oldest, default=None),
        sum(c.provisional for c in found),
    )


def _owner(path: Path) -> Iterator[Finding]:
    ours, folder = path.stat().st_uid, path.parent.stat().st_uid
    if ours != folder:
        text = (
            f"{path} belongs to user {ours}, its folder to user {folder}: if the service runs as "
            f"that one, run: chown {folder} {path}*"
        )
        yield Finding("spool", WARNING, text)


def _parked(count: int) -> Iterator[Finding]:
    if count:
        text = f"{count} readings could not be decoded, and are kept; see: {edge_command('parked')}"
        yield Finding("parked", WARNING, text)


def _damaged(count: int) -> Iterator[Finding]:
    if count:
        text = (
            f"{count} rows of the spool's own bookkeeping were damaged, and set aside; no reading "
            "is in them, but the card may be failing: see `dmesg`"
        )
        yield Finding("spool", WARNING, text)


def not_allowed(name: str, file: object) -> Finding:
    """Return the finding of a check that this user may not make."""
    text = f"user {os.geteuid()} has no right to {file}; run this as the service's user, or as root"
    return Finding(name, FAILED, text)


def skipped(name: str, error: ConfigError) -> Finding:
    """Return the finding of a check that a setting prevents."""
    setting = re.split(r"\W", str(error), maxsplit=1)[0]
    return Finding(name, WARNING, f"not checked: {setting} comes first")
