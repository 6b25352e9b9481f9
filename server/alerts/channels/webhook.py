"""Any program: one POST an episode, as JSON. Home Assistant is one of them."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from server.alerts import wire
from server.alerts.outcome import Message, Outcome, cut, of_status
from server.alerts.wire import Url

_MOST_BYTES = 8192
_MOST_TEXT = 2000
_NEEDED = ("version", "id", "event", "device_id", "rule", "severity", "since", "until", "url")


class Webhook:
    """Posts the body of a message; with a secret it is signed."""

    def __init__(self, url: Url, key: str | None, ca_file: str | None):
        self._url, self._key, self._trust = url, key, wire.trust_of(ca_file)

    def send(self, message: Message) -> Outcome:
        """Send a message; the receiver knows a double by ``Idempotency-Key``."""
        content = _content(message)
        headers = {"Idempotency-Key": message.id, **basic(self._url)}
        if self._key:
            digest = hmac.new(self._key.encode(), content, hashlib.sha256).hexdigest()
            headers["X-Sungrow-Signature"] = f"sha256={digest}"
        answer = wire.post(self._url, content, headers, self._trust)
        if isinstance(answer, Outcome):
            return answer
        # Not what it says of it: nobody knows that text's shape, and it may quote the address.
        return of_status(answer.status, answer.headers, "", datetime.now(UTC))


def basic(url: Url) -> dict[str, str]:
    """Return the header for the user and password in an address; none without."""
    if not url.user and not url.password:
        return {}
    pair = base64.b64encode(f"{url.user}:{url.password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _content(message: Message) -> bytes:
    body = {**message.body, "id": message.id}
    content = json.dumps(body).encode()
    if len(content) > _MOST_BYTES:
        small = {name: body.get(name) for name in _NEEDED}
        small |= {"title": cut(message.title, 300), "text": cut(message.text, _MOST_TEXT)}
        content = json.dumps({**small, "values": {}}).encode()
    return content
