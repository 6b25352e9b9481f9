"""Mail, by a server where one has an account, or by a program of this machine."""

import contextlib
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from server.alerts import wire
from server.alerts.outcome import (
    DELIVERED,
    LATER,
    REFUSED,
    UNSURE,
    Message,
    Outcome,
    redacted,
)
from server.alerts.wire import Url

TIMEOUT_S = 15.0


class Mail:
    """Sends by SMTP: TLS from the start, or STARTTLS, and nothing where neither is offered."""

    def __init__(self, url: Url, to: tuple[str, ...], sender: str, site: str, ca_file: str | None):
        self._url, self._to, self._sender, self._site = url, to, sender, site
        self._trust = wire.trust_of(ca_file)

    def send(self, message: Message) -> Outcome:
        """Send a message; many programs drop a double, which has the same ``Message-ID``."""
        letter = self._letter(message)
        try:
            client = self._connected()
        except _NotSent as error:
            return error.outcome
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            return self._outcome(error, LATER)
        try:
            return self._hand_over(client, letter)
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _hand_over(self, client: smtplib.SMTP, letter: EmailMessage) -> Outcome:
        try:
            left_out = client.send_message(letter, self._sender, list(self._to))
        except smtplib.SMTPServerDisconnected:
            return Outcome(UNSURE, "no answer: it ended the connection")
        except smtplib.SMTPException as error:
            return self._outcome(error, LATER)
        except OSError as error:
            return Outcome(UNSURE, f"no answer: {wire.reason(error)}")
        refused = ", ".join(f"{to} was refused: {left_out[to][0]}" for to in left_out)
        return Outcome(DELIVERED, refused)

    def _connected(self) -> smtplib.SMTP:
        url, name = self._url, "localhost"  # its own name could take long to find
        if url.is_secure:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                url.host, url.port, name, timeout=TIMEOUT_S, context=self._trust
            )
        else:
            client = smtplib.SMTP(url.host, url.port, name, timeout=TIMEOUT_S)
        try:
            if not url.is_secure:
                self._begin_tls(client)
            if url.user:
                client.login(url.user, url.password)
        except BaseException:
            client.close()
            raise
        return client

    def _begin_tls(self, client: smtplib.SMTP) -> None:
        # To a program of this machine it goes as it is: nobody is in between, and the certificate
        # that Debian makes for it is nobody's.
        if not self._url.user and _is_this_machine(client):
            return
        client.ehlo()
        if not client.has_extn("starttls"):
            raise _NotSent(Outcome(REFUSED, "it offers no STARTTLS, and nothing goes without TLS"))
        client.starttls(context=self._trust)

    def _outcome(self, error: Exception, otherwise: str) -> Outcome:
        """Return what an error of SMTP means: 4xx later, 5xx refused."""
        codes, said = [], ""
        if isinstance(error, smtplib.SMTPResponseException):
            codes, said = [error.smtp_code], _words(error.smtp_error)
        elif isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = [code for code, _ in error.recipients.values()]
            said = _words(next(iter(error.recipients.values()))[1])
        if not codes:
            return Outcome(otherwise, f"no connection: {wire.reason(error)}")
        secrets = (self._url.password, self._url.user)
        reason = redacted(f"{max(codes)} {said}", secrets)
        return Outcome(REFUSED if min(codes) >= 500 else LATER, reason)

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"] = message.title[:200] or "Sungrow"
        letter["From"] = self._sender
        letter["To"] = ", ".join(self._to)
        letter["Date"] = format_datetime(datetime.now(UTC))
        letter["Message-ID"] = f"<{message.id}@{self._site}>"
        letter["Auto-Submitted"] = "auto-generated"
        if message.reply_to:
            letter["References"] = letter["In-Reply-To"] = f"<{message.reply_to}@{self._site}>"
        text = message.text or message.title
        letter.set_content(f"{text}\n\n{message.url}\n" if message.url else f"{text}\n")
        return letter


class _NotSent(Exception):
    def __init__(self, outcome: Outcome):
        super().__init__(outcome.reason)
        self.outcome = outcome


def _is_this_machine(client: smtplib.SMTP) -> bool:
    address = client.sock.getpeername()[0] if client.sock else ""
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def _words(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
