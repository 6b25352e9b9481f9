"""ntfy: a topic of ntfy.sh or of a server of one's own. The topic's name is its password."""

from datetime import UTC, datetime

from server.alerts import wire
from server.alerts.channels.webhook import basic
from server.alerts.outcome import Message, Outcome, cut, of_status, redacted
from server.alerts.wire import Url

_MOST_BYTES = 4000  # beyond 4,096 ntfy makes a file of the message
_PRIORITY = {"critical": 5, "warning": 4, "info": 3}
_TAG = {"critical": "red_circle", "warning": "warning", "info": "information_source"}


class Ntfy:
    """Publishes to a topic: at the server's root, as JSON, where a title may have any letter."""

    def __init__(self, root: Url, topic: str, ca_file: str | None):
        self._root, self._topic, self._trust = root, topic, wire.trust_of(ca_file)

    def send(self, message: Message) -> Outcome:
        """Send a message."""
        answer = wire.post(self._root, self._content(message), self._login(), self._trust)
        if isinstance(answer, Outcome):
            return answer
        error = str(wire.said(answer.body).get("error", ""))
        reason = redacted(error, (self._topic, self._root.user, self._root.password))
        return of_status(answer.status, answer.headers, reason, datetime.now(UTC))

    def _content(self, message: Message) -> dict[str, object]:
        is_open = message.event in ("opened", "repeated")
        content: dict[str, object] = {
            "topic": self._topic,
            "title": cut(message.title, 250),
            "message": cut(message.text or message.title, _MOST_BYTES),
            "priority": _PRIORITY.get(message.severity, 3) if is_open else 3,
            "tags": [_TAG.get(message.severity, "warning") if is_open else "white_check_mark"],
        }
        if message.event in ("digest", "test"):
            content["tags"] = ["memo"]
        if message.url:
            content["click"] = message.url
        return content

    def _login(self) -> dict[str, str]:
        """Return the header: an access token is alone, a password has a user."""
        if bool(self._root.user) != bool(self._root.password):
            return {"Authorization": f"Bearer {self._root.user or self._root.password}"}
        return basic(self._root)
