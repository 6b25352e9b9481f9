"""Telegram: a bot to whom its owner has written first. Its token is in every address."""

import html
import logging
from datetime import UTC, datetime

from server.alerts import wire
from server.alerts.outcome import LATER, REFUSED, Message, Outcome, cut, of_status, redacted
from server.alerts.wire import Url

log = logging.getLogger("sungrow.alerts.telegram")
API = Url("https", "api.telegram.org", 443, "/")
_MOST_BYTES = 3500  # of 4,096 characters, after the marks are read


class Telegram:
    """Sends by ``sendMessage``; follows a group that has become another one."""

    def __init__(
        self,
        token: str,
        chat: str,
        topic: int | None = None,
        api: Url = API,
        ca_file: str | None = None,
    ):
        self._token, self._chat, self._topic = token, chat, topic
        self._url = api._replace(path=f"{api.path}bot{token}/sendMessage")
        self._trust = wire.trust_of(ca_file)

    def send(self, message: Message) -> Outcome:
        """Send a message, to the chat's new number where it has moved."""
        outcome, moved_to = self._send(message, self._chat)
        if moved_to is None:
            return outcome
        log.warning(
            "the Telegram group has a new number: put it into ALERT_TELEGRAM_CHAT",
            extra={"chat": moved_to},
        )
        return self._send(message, moved_to)[0]

    def _send(self, message: Message, chat: str) -> tuple[Outcome, str | None]:
        content: dict[str, object] = {
            "chat_id": chat,
            "text": _text(message),
            "parse_mode": "HTML",
            "disable_notification": message.severity == "info" or message.event == "digest",
            "link_preview_options": {"is_disabled": True},
        }
        if self._topic is not None:
            content["message_thread_id"] = self._topic
        answer = wire.post(self._url, content, {}, self._trust)
        return (answer, None) if isinstance(answer, Outcome) else self._outcome(answer)

    def _outcome(self, answer: wire.Answer) -> tuple[Outcome, str | None]:
        said = wire.said(answer.body)
        reason = redacted(str(said.get("description", "")), (self._token,))
        outcome = of_status(answer.status, answer.headers, reason, datetime.now(UTC))
        if answer.status == 200 and said.get("ok") is not True:
            return Outcome(LATER, f"200, but not ok: {reason}"), None
        parameters = said.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        wait_s = parameters.get("retry_after")
        if outcome.kind == LATER and isinstance(wait_s, int | float):
            outcome = outcome._replace(retry_after_s=max(outcome.retry_after_s, float(wait_s)))
        moved_to = parameters.get("migrate_to_chat_id")
        return outcome, str(moved_to) if outcome.kind == REFUSED and moved_to else None


def _text(message: Message) -> str:
    text = f"<b>{html.escape(cut(message.title, 300), quote=False)}</b>"
    if message.text:
        text += f"\n{html.escape(cut(message.text, _MOST_BYTES), quote=False)}"
    return f"{text}\n{html.escape(message.url, quote=False)}" if message.url else text
