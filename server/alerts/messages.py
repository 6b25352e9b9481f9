"""The rows of the outbox: what is told, to which channel, under an id that a repeat has, too. Pure.

People get one message a house for all that changed in the same run; a webhook gets one an episode.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from server.alerts.hop import Recovery
from server.alerts.notices import DIGEST, REPEATED, RESOLVED, Notice
from server.alerts.options import WEBHOOK, Options
from server.alerts.rules.rule import INFO
from server.alerts.states import SERVER, Episode
from server.alerts.texts import Fault, Told, Writer

VERSION = 1
_NAMESPACE = uuid.UUID("6f1a3f0e-2f5b-5d0c-9c1e-0a4d3c1b7a55")  # of this project's messages
_MOST_LINES = 40


class Row(NamedTuple):
    """A message of the outbox; ``alert_id`` None: a digest."""

    id: str
    alert_id: int | None
    channel: str
    event: str
    n: int
    body: dict[str, Any]
    not_before: datetime


class Known(NamedTuple):
    """What else messages say: the faults behind an episode, and what a return proved."""

    faults: Mapping[int | None, Sequence[Fault]] = {}
    recoveries: Mapping[int | None, Recovery] = {}


def outbox_id(*parts: object) -> str:
    """Return the id of a message: the same for the same message, whenever it is made."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(map(str, parts))))


def rows_of(
    notice: Notice, options: Options, writer: Writer, known: Known, now: datetime
) -> Iterator[Row]:
    """Return the rows of one notice; its episodes have their numbers."""
    for channel in options.channels:
        episodes = [one for one in notice.episodes if _hears(one, channel.name, notice.event)]
        groups = [[one] for one in episodes] if channel.kind == WEBHOOK else [episodes]
        for group in filter(None, groups):
            first = group[0]
            told = writer.and_more([_told(notice.event, one, writer, known, now) for one in group])
            n = first.repeats if notice.event == REPEATED else 0
            row_id = outbox_id(first.id, channel.name, notice.event, n)
            body = _body(row_id, notice.event, group, told, options.site_url)
            yield Row(row_id, first.id, channel.name, notice.event, n, body, notice.not_before)


def _hears(episode: Episode, channel: str, event: str) -> bool:
    """Return whether a channel is told: the end only where the beginning was."""
    return event != RESOLVED or channel in episode.detail.get("channels", ())


def told_of(episode: Episode, writer: Writer, known: Known, now: datetime) -> Told:
    """Return the message about an episode; about one that is over, in the past tense."""
    faults = known.faults.get(episode.id, ())
    if episode.closed_at is None:
        return writer.opened(episode, now, faults)
    return writer.resolved(episode, faults, known.recoveries.get(episode.id))


def _told(event: str, episode: Episode, writer: Writer, known: Known, now: datetime) -> Told:
    if event == REPEATED:
        return writer.again(episode, now, known.faults.get(episode.id, ()))
    return told_of(episode, writer, known, now)


def _body(
    row_id: str, event: str, group: Sequence[Episode], told: Told, site_url: str | None
) -> dict[str, Any]:
    first = group[0]
    url = link(site_url, first.device_id)
    return {
        "version": VERSION,
        "id": row_id,
        "event": event,
        "device_id": first.device_id,
        "rule": first.rule,
        "severity": first.severity,
        "title": told.title,
        "text": f"{told.text}\n{url}" if url else told.text,
        "since": first.since.isoformat(),
        "until": first.closed_at.isoformat() if first.closed_at else None,
        "values": first.detail.get("values", {}),
        "url": url,
        "alert_ids": [one.id for one in group],
    }


def link(site_url: str | None, device_id: str) -> str | None:
    """Return where the page shows more; None where its address is not known."""
    if site_url is None:
        return None
    device = "" if device_id == SERVER else f"&device={quote(device_id)}"
    return f"{site_url}/?view=system{device}"


def digest_rows(
    episodes: Sequence[Episode], at: datetime, options: Options, writer: Writer, known: Known
) -> Iterator[Row]:
    """Return the digest of a morning, for each channel; nothing where nothing happened."""
    if not episodes:
        return
    lines = [writer.line(one, at, known.faults.get(one.id, ())) for one in episodes]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"- … (+{len(lines) - _MOST_LINES + 1})"]
    told = writer.digest(lines)
    devices = {one.device_id for one in episodes}
    device_id = devices.pop() if len(devices) == 1 else SERVER
    url = link(options.site_url, device_id)
    for channel in options.channels:
        row_id = digest_id(at, channel.name)
        body = {
            "version": VERSION,
            "id": row_id,
            "event": DIGEST,
            "device_id": device_id,
            "rule": "",
            "severity": INFO,
            "title": told.title,
            "text": f"{told.text}\n{url}" if url else told.text,
            "since": min(one.since for one in episodes).isoformat(),
            "until": None,
            "values": {},
            "url": url,
            "alert_ids": [one.id for one in episodes],
        }
        yield Row(row_id, None, channel.name, DIGEST, 0, body, at)


def digest_id(at: datetime, channel: str) -> str:
    """Return the id of a morning's digest."""
    return outbox_id(DIGEST, at.date().isoformat(), channel)
