"""The one alarm that needs no database: that the database is away. Kept in a file.

``{"timezone", "away_since", "told": {channel: {"n", "at"}}, "back_at"}``, replaced atomically.
On a full disk, which also ends the database, it is kept in memory, below ``/run``. Where it cannot
be written at all nobody could know what was told already, so nothing is; the log says so.
"""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from server.alerts import own_texts
from server.alerts.outcome import DELIVERED, Message
from server.alerts.settings import Settings

log = logging.getLogger("sungrow.alerts.statefile")
RULE = "database"
HOLD = timedelta(minutes=5)
# After the first message; later ones once a day.
REPEATS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
GIVE_UP = timedelta(hours=72)
_IDS = UUID("3e0a0ed7-6f5c-4ad3-9c36-52b44f6a8c55")


def away(settings: Settings, reason: str, now: datetime) -> None:
    """Note that the database is away; after some minutes tell it, through every channel."""
    state = read(settings)
    state.pop("back_at", None)
    since = min(datetime.fromisoformat(state.get("away_since", now.isoformat())), now)
    state["away_since"] = since.isoformat()  # a clock that was ahead is none of its business
    told = state.setdefault("told", {})
    if not write(settings, state) or RULE in settings.off:
        return
    if now - since < settings.hold(RULE, HOLD):
        return
    said = {"since": own_texts.when(since.astimezone(zone(state))), "reason": reason}
    for name in settings.channels:
        before = told.get(name)
        if before and abs(now - datetime.fromisoformat(before["at"])) < _wait(before["n"]):
            continue
        n = before["n"] + 1 if before else 0
        event = "repeated" if before else "opened"
        if _send(settings, name, event, n, since, None, said):
            told[name] = {"n": n, "at": now.isoformat()}
            write(settings, state)


def back(settings: Settings, zone_name: str, now: datetime) -> None:
    """Note that the database answers; tell those who were told that it was away."""
    state = read(settings)
    if "away_since" not in state:
        if state.get("timezone") != zone_name:
            write(settings, {"timezone": zone_name})
        return
    since = datetime.fromisoformat(state["away_since"])
    until = datetime.fromisoformat(state.setdefault("back_at", now.isoformat()))
    state["timezone"] = zone_name
    told = state.get("told", {})
    write(settings, state)
    said = {
        "since": own_texts.when(since.astimezone(zone(state))),
        "until": own_texts.when(until.astimezone(zone(state))),
    }
    for name in list(told):
        if name not in settings.channels or _send(
            settings, name, "resolved", 0, since, until, said
        ):
            del told[name]
            write(settings, state)
    if not told or now - until >= GIVE_UP:
        write(settings, {"timezone": zone_name})


def away_since(settings: Settings) -> datetime | None:
    """Return since when the database was away until this run; None: the run before reached it."""
    state = read(settings)
    since = None if "back_at" in state else state.get("away_since")
    return datetime.fromisoformat(since) if since else None


def zone(state: dict[str, Any]) -> ZoneInfo:
    """Return the zone of the site, as it was last known."""
    try:
        return ZoneInfo(state.get("timezone") or "UTC")
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")


def read(settings: Settings) -> dict[str, Any]:
    """Return what the file says; nothing where there is none, or none that can be read."""
    spare = _spare(settings)
    # The spare one is there only while the other cannot be written.
    path = spare if spare and spare.exists() else settings.state_path
    try:
        state = json.loads(path.read_text())
        if isinstance(state, dict) and isinstance(state.get("told", {}), dict):
            for name in ("away_since", "back_at"):
                datetime.fromisoformat(state.get(name) or datetime.now(UTC).isoformat())
            return state
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.warning("the state file is unreadable", extra={"reason": str(error)})
    return {}


def write(settings: Settings, state: dict[str, Any]) -> bool:
    """Replace the file; return whether that was possible."""
    path, spare = settings.state_path, _spare(settings)
    try:
        _replace(path, state)
        if spare:
            spare.unlink(missing_ok=True)
    except OSError as error:
        if spare and _is_kept(spare, state):
            log.warning(
                "the state file cannot be written: its state is in memory",
                extra={"file": str(path), "reason": error.strerror},
            )
            return True
        log.warning(
            "the state file cannot be written: nobody will be told when the database is away",
            extra={"file": str(path), "reason": error.strerror},
        )
        return False
    return True


def _spare(settings: Settings) -> Path | None:
    return settings.spare_folder / "state.json" if settings.spare_folder else None


def _is_kept(spare: Path, state: dict[str, Any]) -> bool:
    try:
        _replace(spare, state)
    except OSError:
        return False
    return True


def _replace(path: Path, state: dict[str, Any]) -> None:
    new = path.with_name(f"{path.name}.new")
    with new.open("w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _wait(n: int) -> timedelta:
    return REPEATS[min(n, len(REPEATS) - 1)]


def _send(
    settings: Settings,
    name: str,
    event: str,
    n: int,
    since: datetime,
    until: datetime | None,
    said: dict[str, str],
) -> bool:
    kind = "back" if until else "away"
    language = settings.language
    body = own_texts.body(RULE, "critical", event, settings.site_url)
    body |= {"since": since.isoformat(), "until": until.isoformat() if until else None}
    body |= {"title": own_texts.text(language, kind)}
    body |= {"text": own_texts.text(language, f"{kind}_text", **said)}
    first = str(_id(since, name, "opened", 0))
    id = str(_id(since, name, event, n))
    reply_to = None if event == "opened" else first
    outcome = settings.targets.senders[name].send(Message(id, {**body, "id": id}, reply_to))
    if outcome.kind != DELIVERED:
        log.warning("message not delivered", extra={"channel": name, "reason": outcome.reason})
    return outcome.kind == DELIVERED


def _id(since: datetime, name: str, event: str, n: int) -> UUID:
    """Return the id of a message: the same at each attempt."""
    return uuid5(_IDS, f"{since.isoformat()} {name} {event} {n}")
