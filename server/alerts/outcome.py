"""What became of an attempt to send a message, and how the answer of a channel tells it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

DELIVERED, LATER, UNSURE, REFUSED = "delivered", "later", "unsure", "refused"
_LATER = (408, 425, 429)
_LONGEST_WAIT_S = 86_400
_LONGEST_REASON = 200
_LEAST_SECRET = 4


class Outcome(NamedTuple):
    """One of four: delivered; later (nothing has arrived); unsure (it may have); refused."""

    kind: str
    reason: str = ""
    retry_after_s: float = 0.0


class Message(NamedTuple):
    """A message of the outbox: ``id`` is the same at each attempt, ``body`` as the table has it.

    ``reply_to``: the id of the one that opened the episode.
    """

    id: str
    body: Mapping[str, object]
    reply_to: str | None = None

    @property
    def title(self) -> str:
        """Return the line that a locked phone shows."""
        return " ".join(str(self.body.get("title") or self.body.get("rule") or "").split())

    @property
    def text(self) -> str:
        """Return what follows the title."""
        text = str(self.body.get("text") or "").strip()
        first, _, rest = text.partition("\n")
        return rest.strip() if first.strip() == self.title else text

    @property
    def event(self) -> str:
        """Return opened, repeated, resolved, digest or test."""
        return str(self.body.get("event") or "")

    @property
    def severity(self) -> str:
        """Return critical, warning or info."""
        return str(self.body.get("severity") or "info")

    @property
    def url(self) -> str | None:
        """Return the page's address, if it is known."""
        url = self.body.get("url")
        return str(url) if url else None


def of_status(status: int, headers: Mapping[str, str], reason: str, now: datetime) -> Outcome:
    """Return what an answer over HTTP means."""
    said = f"{status} {reason}".strip()
    if 200 <= status < 300:
        return Outcome(DELIVERED)
    if status in _LATER or status >= 500:
        return Outcome(LATER, said, retry_after_s(headers.get("Retry-After"), now))
    if 300 <= status < 400:
        said += ": it leads elsewhere, and redirects are not followed; name the final address"
    return Outcome(REFUSED, said)


def retry_after_s(given: str | None, now: datetime) -> float:
    """Return the seconds that ``Retry-After`` asks to wait; 0 where it says nothing usable."""
    if not given:
        return 0.0
    try:
        if given.strip().isdecimal():
            wait_s = float(given)
        else:
            at = parsedate_to_datetime(given)
            wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return a text in one line, of bounded length, without any of these secrets in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_REASON]


def cut(text: str, most_bytes: int) -> str:
    """Return as much of a text as fits, with a mark where the rest is missing."""
    if len(text.encode()) <= most_bytes:
        return text
    return text.encode()[: most_bytes - 3].decode(errors="ignore") + "…"
