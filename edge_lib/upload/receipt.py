"""What an answer of ingest proves: pure, no I/O, no clock.

The proof of delivery is a 200 whose JSON echoes our ``batch_id`` and accounts for every sample.
Only a 422 that echoes it, too, says anything about a single sample. All else proves nothing.
"""

import json
import logging
import re
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeGuard

from edge_lib.upload.https import Answer

MAX_REASON = 300  # characters of a server's text that are kept
RETRY_AFTER_S = (1.0, 900.0)

log = logging.getLogger("sungrow.edge.upload")

_SENTENCES = {
    400: "the server could not read the batch: something on the way damages it, or a wrong server",
    401: "the server does not know the token: check VPS_TOKEN and the server's DEVICE_TOKENS",
    403: "the token may not write for this device: check DEVICE_ID and the server's DEVICE_TOKENS",
    404: "there is no ingest at this address: check VPS_INGEST_URL",
    413: "the server takes not even a single sample: check MAX_REQUEST_BYTES there",
    422: "the server refuses the batch without naming a sample",
    429: "the server wants fewer requests",
}


class Proof(NamedTuple):
    """What a 200 proves: every reading but those in conflict is stored.

    ``p1``: the same of the grid meter's; None: none was sent, or the server does not take them.
    """

    inserted: int
    duplicates: int
    conflicts: frozenset[int]
    p1: "Proof | None" = None


class Named(NamedTuple):
    """The readings of one list that a 422 names, by their places.

    Attributes:
        refused: place -> why; to be parked.
        early: those whose time the server holds for the future; to be left for later.
    """

    refused: dict[int, str]
    early: frozenset[int]


NONE_NAMED = Named({}, frozenset())


class UploadRetry(Exception):
    """Nothing proven: keep all, back off. Time heals it, or a human: the text says how."""

    def __init__(self, reason: str, text: str, retry_after_s: float | None = None):
        self.reason, self.retry_after_s = reason, retry_after_s
        super().__init__(text)


class UploadRefused(Exception):
    """Our server refuses part of the batch, and nothing of it is stored.

    Attributes:
        samples: what it says of the samples.
        p1: what it says of the grid meter's readings.
        too_large: 413; names nothing.
    """

    def __init__(
        self, samples: Named = NONE_NAMED, p1: Named = NONE_NAMED, too_large: bool = False
    ):
        self.samples, self.p1, self.too_large = samples, p1, too_large
        refused, early = (len(samples[i]) + len(p1[i]) for i in (0, 1))
        super().__init__("too large" if too_large else f"refused {refused}, {early} early")


class Verdicts:
    """The hold rule: too many bad ones among the last, and it is the schema, not the samples."""

    WINDOW, SHARE, LEAST = 1000, 0.05, 50

    def __init__(self) -> None:
        self._bad: deque[bool] = deque(maxlen=self.WINDOW)
        self.holding = False

    def add(self, good: int, bad: int) -> None:
        """Count the verdicts on the samples of one answer."""
        self._bad.extend([False] * good + [True] * bad)
        count, held = sum(self._bad), self.holding
        self.holding = count >= self.LEAST and count > self.SHARE * len(self._bad)
        if self.holding and not held:
            log.error(
                "too many samples refused: nothing is parked, everything is held",
                extra={"bad": count, "of": len(self._bad), "hint": "compare the two versions"},
            )
        elif held and not self.holding:
            log.info("hold ended")

    def clean(self, count: int) -> None:
        """Count a 200 without conflicts: in a hold it proves the schema, and empties the count."""
        if self.holding:
            self._bad.clear()
        self.add(count, 0)

    def mended(self, count: int, bad: int) -> None:
        """Count what was held and is refused no more, but for a few: it empties the count, too."""
        if bad <= self.SHARE * count:
            self._bad.clear()
        self.add(0, bad)


def proof(answer: Answer, batch_id: str, count: int, now: datetime, p1_count: int = 0) -> Proof:
    """Read an answer of ingest to a batch of ``count`` samples, and readings of the grid meter.

    Raises:
        UploadRefused: our server has a verdict against some of them, or against their number.
        UploadRetry: anything else.
    """
    if answer.status == 413:
        raise UploadRefused(too_large=True)
    content = _json_object(answer.body)
    ours = content.get("batch_id") == batch_id
    if answer.status == 422 and ours:
        samples = _named(content.get("detail"), "samples", count)
        p1 = _named(content.get("detail"), "p1_samples", p1_count)
        if any((*samples, *p1)):
            raise UploadRefused(samples, p1)
    if answer.status != 200:
        raise retry(answer, now)
    proven = _proven(content, count)
    if not (ours and proven):
        raise UploadRetry("no_proof", "a 200, but not from ingest: something answers in its place")
    return proven._replace(p1=_proven(content.get("p1"), p1_count) if p1_count else None)


def _proven(content: object, count: int) -> Proof | None:
    """Return the verdicts, if they account for every reading exactly once."""
    if type(content) is not dict:
        return None
    numbers = tuple(content.get(name) for name in ("inserted", "duplicates", "conflicts"))
    inserted, duplicates, conflicts = numbers
    if not (_is_count(inserted) and _is_count(duplicates) and type(conflicts) is list):
        return None
    in_range = all(_is_count(i) and i < count for i in conflicts)
    distinct = in_range and len(set(conflicts)) == len(conflicts)
    if not (distinct and inserted + duplicates + len(conflicts) == count):
        return None
    return Proof(inserted, duplicates, frozenset(conflicts))


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0  # True is not a number


def _named(detail: object, list_name: str, count: int) -> Named:
    """Sort the readings that a 422 names: to be parked, with the reason, and only too early."""
    reasons: dict[int, list[str]] = {}
    early: set[int] = set()
    for entry in detail if type(detail) is list else ():
        loc = entry.get("loc") if type(entry) is dict else None
        if type(loc) is not list or loc[:2] != ["body", list_name] or len(loc) < 3:
            continue
        place = loc[2]
        if not (_is_count(place) and place < count):
            continue
        if entry.get("type") == "ts_in_future":
            early.add(place)
        else:
            field = ".".join(map(str, loc[3:]))
            text = f"{field}: {entry.get('msg')} ({entry.get('type')})"
            reasons.setdefault(place, []).append(text)
    parked = {i: _clean("; ".join(texts)) for i, texts in reasons.items()}
    return Named(parked, frozenset(early - parked.keys()))


def _clean(text: str) -> str:
    # JSON can carry what no database stores: NUL, halves of surrogate pairs.
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_REASON])


def _json_object(body: bytes) -> dict[str, Any]:
    """Return the object of a JSON text, or an empty one."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if type(content) is dict else {}


def retry(answer: Answer, now: datetime) -> UploadRetry:
    """Return what an answer means that proves nothing."""
    status = answer.status
    if 300 <= status < 400:
        text = "the server sends us elsewhere: set VPS_INGEST_URL to the final address"
        return UploadRetry("redirect", text)
    text = _SENTENCES.get(status, "the server cannot take the batch now")
    server_now = http_date(answer.headers.get("Date")) or now
    after_s = retry_after_s(answer.headers.get("Retry-After"), server_now)
    return UploadRetry(f"http_{status}", text, after_s)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After, a number or a date, within bounds; None: nothing."""
    value = (value or "").strip()
    if re.fullmatch(r"\d{1,18}", value, re.ASCII):
        wait_s = float(value)
    else:
        date = http_date(value)
        if date is None:
            return None
        wait_s = (date - now).total_seconds()
    return min(max(wait_s, RETRY_AFTER_S[0]), RETRY_AFTER_S[1])


def http_date(value: str | None) -> datetime | None:
    """Return the time of a Date header, aware; None: there is none, or none that can be read."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
