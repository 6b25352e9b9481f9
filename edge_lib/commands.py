"""The commands of ``edge.py`` beside the service: they print, and return an exit status.

What goes wrong is printed to stderr, in one line.
"""

import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from edge_lib import config, health
from edge_lib.clock import Clock
from edge_lib.dongle.advice import NO_METER, about_the_unit, sentence
from edge_lib.dongle.decode import decode, facts, is_silent
from edge_lib.dongle.dump import dump as read_dump
from edge_lib.dongle.inverter import Inverter, InverterError
from edge_lib.dongle.lock import DongleLock
from edge_lib.poller import reading
from edge_lib.shared import jsonlog
from edge_lib.shared.sample import FIELDS, TEXTS, Sample
from edge_lib.spool import file, kinds
from edge_lib.spool import parked as parked_rows
from edge_lib.spool.errors import SpoolBusy, SpoolDamaged, SpoolError, sqlite_errors
from edge_lib.spool.kinds import P1
from edge_lib.spool.recovery import backup as copies
from edge_lib.spool.recovery.backup import BackupError, Copied
from edge_lib.spool.spool import Spool
from edge_lib.upload.https import HttpsClient
from edge_lib.upload.reconcile import ReconcileError, Reconciler
from edge_lib.upload.uploader import Uploader

OK, FAILED, BUSY = 0, 1, 3
_STOP = "stop it first (systemctl stop sungrow-edge)"
_ABOUT = {
    **{field.name: (field.unit, field.about) for field in FIELDS},
    **{name: ("", about) for name, (_, about) in TEXTS.items()},
}


def once(env: Mapping[str, str], as_json: bool) -> int:
    """Poll once and print the sample; touches neither spool nor server."""
    settings, clock = config.dongle_config(env), Clock()
    with _dongle(settings, clock) as inverter:
        if inverter is None:
            return BUSY
        try:
            words = inverter.read_words()
            if is_silent(words):
                raise InverterError("inverter_off", "zeros alone")
        except InverterError as error:
            return _fail(sentence(error, _where(settings)))
    if wrong := about_the_unit(words):
        return _fail(f"{_where(settings)}: {wrong}")
    sample, problems, doubts = reading(words, clock.now(), {"device_id": settings.device_id})
    for doubt in doubts:
        print(f"out of range, so null: {doubt}", file=sys.stderr)
    if problems:
        return _fail("not a sample: " + "; ".join(problems))
    if facts(words)["has_meter"] is False:
        print(NO_METER, file=sys.stderr)
    print(json.dumps(sample) if as_json else _table(sample))
    return OK


def status(env: Mapping[str, str], as_json: bool) -> int:
    """Print the service's last state; 0 if it is healthy."""
    place = config.store_config(env)
    path = place.health_path
    try:
        state = health.read(path)
    except FileNotFoundError:
        return _fail(f"{path} does not exist: the service has not run yet, or HEALTH_PATH differs")
    except (OSError, ValueError) as error:
        return _fail(f"{path}: {error}")
    found = health.complaints(state, Clock().now(), _runs(place.spool_path))
    if as_json:
        print(json.dumps({**state, "healthy": not found, "complaints": found}))
    else:
        sample, p1 = (state.pop(name, None) for name in ("last_sample", "last_p1"))
        width = max(map(len, state), default=0)
        lines = [f"{name:<{width}}  {'-' if v is None else v}" for name, v in state.items()]
        values = ["", "the last sample:", _table(sample)] if type(sample) is dict else []
        if type(p1) is dict:
            values += ["", "the grid meter:", _table(p1)]
        print("\n".join([*lines, *values, *(f"NOT HEALTHY: {text}" for text in found)]))
    return FAILED if found else OK


def _runs(spool_path: Path) -> bool | None:
    """Return whether a service holds the spool; None where we may not look."""
    try:
        return file.is_locked(spool_path)
    except OSError:
        return None


def parked(env: Mapping[str, str], as_json: bool, release: list[int]) -> int:
    """Print the parked readings, or put some of them back into the queue."""
    store = config.store_config(env)
    try:
        if release:
            return _release(store, config.dongle_config(env), release)
        rows = [row.shown() for row in _read_parked(store.spool_path)]
    except SpoolBusy:
        return _fail(f"the service runs; {_STOP}", BUSY)
    except SpoolDamaged as error:
        text = "at its next start the service moves it aside and recovers what can be read"
        return _fail(f"{store.spool_path} is damaged ({error}); {text}")
    except SpoolError as error:
        return _fail(str(error))
    if as_json:
        print(json.dumps(rows))
    else:
        lines = [
            f"{row['id']:>6}  {row['ts'] or '-':<27}  {_kind(row)}{row['reason']}" for row in rows
        ]
        print("\n".join(lines) or "nothing is parked")
    return OK


def _kind(row: Mapping[str, object]) -> str:
    return "grid meter: " if row.get("kind") == P1.name else ""


def reconcile(env: Mapping[str, str]) -> int:
    """Compare with the server, send again what it lost, and compare once more."""
    target, store, clock = config.upload_config(env), config.store_config(env), Clock()
    device_id = config.dongle_config(env).device_id
    client = HttpsClient.from_config(target)
    try:
        with Spool.strict(store.spool_path, store.spool_keep_days) as spool:
            reconciler = Reconciler(spool, client, clock, device_id)
            found = reconciler.send_again(Uploader(target, spool, clock, client))
    except SpoolBusy:
        return _fail(f"the service runs, and does this at its start and every night; {_STOP}", BUSY)
    except (SpoolError, ReconcileError) as error:
        return _fail(str(error))
    finally:
        client.close()
    done, wrong = found.sentences()
    if done:
        print("\n".join(done))
    return _fail("\n".join(wrong)) if wrong else OK


def backup(env: Mapping[str, str], target: Path) -> int:
    """Copy the spool, while the service runs or not."""
    try:
        copied = copies.backup(config.store_config(env).spool_path, target)
    except BackupError as error:
        return _fail(str(error))
    print(f"{target}: {_readings(copied)}, {_unknown(copied.waiting)} of them not delivered")
    if copied.damage:
        text = "and so is its copy: single rows, which the service sets aside"
        print(f"the spool is damaged ({copied.damage}), {text}", file=sys.stderr)
    return OK


def restore(env: Mapping[str, str], copy: Path) -> int:
    """Put a copy where the service brings over from it what its spool lacks."""
    try:
        copied = copies.restore(config.store_config(env).spool_path, copy)
    except BackupError as error:
        return _fail(str(error))
    print(f"{_readings(copied)}; now: systemctl restart sungrow-edge")
    if copied.damage:
        print(f"the copy is damaged ({copied.damage}): what is whole comes over", file=sys.stderr)
    return OK


def _readings(copied: Copied) -> str:
    return f"{_unknown(copied.readings)} readings"


def _unknown(count: int | None) -> str:
    return "an unknown number" if count is None else str(count)


def forget_meter(env: Mapping[str, str]) -> int:
    """Forget that the inverter has shown a grid meter: it was removed."""
    place = config.store_config(env)
    if not place.spool_path.exists():  # nor shall another user's command make it
        return _fail(_no_spool(place.spool_path))
    try:
        with Spool.strict(place.spool_path, place.spool_keep_days) as spool:
            known = spool.meter_serial() is not None
            spool.note_meter(None)
    except SpoolBusy:
        return _fail(f"the service runs; {_STOP}", BUSY)
    except SpoolError as error:
        return _fail(str(error))
    print("forgotten; it is known again as soon as it shows itself" if known else "none was known")
    return OK


def dump(env: Mapping[str, str]) -> int:
    """Print each known register's words, for a bug report or for ``simulate --dump``."""
    settings, clock = config.dongle_config(env), Clock()
    with _dongle(settings, clock) as inverter:
        if inverter is None:
            return BUSY
        try:
            found = read_dump(inverter)
        except InverterError as error:
            return _fail(sentence(error, _where(settings)))
    print(json.dumps(found, indent=1))
    for first, last, reason in found["failed_input_ranges"]:
        print(f"not in the dump: wire addresses {first} to {last}: {reason}", file=sys.stderr)
    return OK


@contextmanager
def _dongle(settings: config.DongleConfig, clock: Clock) -> Iterator[Inverter | None]:
    """Return the inverter; None, with the reason printed, while another command talks to it."""
    with DongleLock(settings.host, settings.port) as lock:
        if not lock.acquire():
            _fail(
                "the service, or another command, talks to this dongle, which accepts only one "
                f"client at a time; {_STOP}"
            )
            yield None
            return
        inverter = Inverter.from_config(settings, clock, threading.Event().wait)
        try:
            yield inverter
        finally:
            inverter.close()


def _where(settings: config.DongleConfig) -> str:
    return f"{settings.host} port {settings.port}"


def _read_parked(path: Path) -> list[parked_rows.Parked]:
    # Read-only, so that it may be read while the service runs.
    if not path.exists():
        raise SpoolError(_no_spool(path))
    with sqlite_errors(), closing(file.connect_read_only(path)) as db:
        found = [row for kind in kinds.present(db) for row in parked_rows.rows(db, kind)]
        return sorted(found, key=lambda row: row.id)


def _no_spool(path: Path) -> str:
    return f"{path} does not exist: the service has not run yet, or SPOOL_PATH differs"


def _release(store: config.StoreConfig, dongle: config.DongleConfig, ids: list[int]) -> int:
    known = {"device_id": dongle.device_id, "interval_s": dongle.poll_interval_s}

    with Spool.strict(store.spool_path, store.spool_keep_days) as spool:
        meter_seen = spool.meter_serial() is not None

        def again(words: dict[int, int]) -> Sample | None:
            decoded = decode(words, meter_seen=meter_seen)
            return None if decoded.problems else {**known, **decoded.values}

        count = spool.release(ids, again)
    print(f"{count} of {len(ids)} put back into the queue")
    return OK if count == len(ids) else FAILED


def _table(sample: Sample) -> str:
    lines = []
    for name, value in sample.items():
        unit, about = _ABOUT.get(name, ("", ""))
        shown = "-" if value is None else value if value != "" else '""'
        lines.append(f"{name:<28} {shown:>27} {unit:<5} {about}".rstrip())
    return "\n".join(lines)


def _fail(text: str, exit_status: int = FAILED) -> int:
    print(f"{jsonlog.priority(logging.ERROR)}{text}", file=sys.stderr)
    return exit_status
