"""Gotify: a server of one's own; needs the token of an application, not of a client."""

from datetime import UTC, datetime

from server.alerts import wire
from server.alerts.outcome import Message, Outcome, cut, of_status, redacted
from server.alerts.wire import Url

# 0 is silent on Android.
_PRIORITY = {"critical": 8, "warning": 5, "info": 2}


class Gotify:
    """Posts to ``/message``."""

    def __init__(self, url: Url, token: str, ca_file: str | None):
        self._url, self._token, self._trust = url, token, wire.trust_of(ca_file)

    def send(self, message: Message) -> Outcome:
        """Send a message."""
        is_open = message.event in ("opened", "repeated")
        content: dict[str, object] = {
            "title": cut(message.title, 250),
            "message": cut(message.text or message.title, 8000),
            "priority": _PRIORITY.get(message.severity, 5) if is_open else 5,
        }
        if message.url:
            content["extras"] = {"client::notification": {"click": {"url": message.url}}}
        answer = wire.post(self._url, content, {"X-Gotify-Key": self._token}, self._trust)
        if isinstance(answer, Outcome):
            return answer
        error = wire.said(answer.body)
        said = str(error.get("errorDescription") or error.get("error") or "")
        reason = redacted(said, (self._token,))
        return of_status(answer.status, answer.headers, reason, datetime.now(UTC))
