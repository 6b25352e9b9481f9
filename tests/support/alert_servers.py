"""What alerts are sent to, each speaking the protocol of the real one: ntfy, Gotify, Telegram, a
webhook, and a server of mail. They keep what they took, and answer as a test tells them to."""

import base64
import contextlib
import json
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from server import sandbox


class Request(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Answer(NamedTuple):
    """An answer; ``hangs_up``: the request is taken, and the connection ends without one."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012
    hangs_up: bool = False


Rule = Callable[[Request], Answer | None]


class Web:
    """A server of HTTP, over TLS unless there is no certificate.

    ``requests`` has all that came, ``taken`` the requests that were answered by a 2xx. ``answer``
    is asked first; where it returns None the protocol's own rule answers.
    """

    def __init__(self, certificate: sandbox.Certificate | None, rule: Rule | None = None):
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self.answer: Rule = lambda _: None
        self._rule = rule or (lambda _: Answer())
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                web._handle(self)

            do_GET = do_POST = do_PUT = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Keep quiet: clients may hang up."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._scheme = "http"
        if certificate:
            self._scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{self._scheme}://localhost:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        content = handler.rfile.read(length)
        handler.close_connection = True
        if len(content) < length:
            return  # the client died on the way
        headers = {name.title(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, content)
        self.requests.append(request)
        answer = self.answer(request) or self._rule(request)
        if 200 <= answer.status < 300:
            self.taken.append(request)
        if answer.hangs_up:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        body = json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def forget(self) -> None:
        """Be as new."""
        self.requests.clear()
        self.taken.clear()
        self.answer = lambda _: None


def ntfy(request: Request) -> Answer:
    """Answer as ntfy: JSON counts at the root alone; anywhere else it would be the message."""
    if request.method != "POST" or request.path != "/":
        return Answer(404, {"code": 40401, "http": 404, "error": "page not found"})
    try:
        sent = json.loads(request.content)
    except ValueError:
        return Answer(400, {"code": 40024, "http": 400, "error": "invalid request: JSON"})
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", str(sent.get("topic", ""))):
        return Answer(400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"})
    if not 1 <= sent.get("priority", 3) <= 5:
        return Answer(400, {"code": 40007, "http": 400, "error": "invalid request: priority"})
    if len(sent.get("message", "").encode()) > 4096:
        return Answer(400, {"code": 40012, "http": 400, "error": "attachments not allowed"})
    return Answer(200, {"id": "x", "time": 1, "event": "message", "topic": sent["topic"]})


def telegram(request: Request) -> Answer:
    """Answer as Telegram's bots do."""
    match = re.fullmatch(r"/bot([0-9]+:[\w-]+)/sendMessage", request.path)
    if not match:
        return Answer(404, {"ok": False, "error_code": 404, "description": "Not Found"})
    sent = json.loads(request.content)
    if not sent.get("text") or len(sent["text"]) > 4096:
        return _telegram_refuses(400, "Bad Request: message is too long")
    if re.search(r"&(?!amp;|lt;|gt;)|<(?!/?b>)", sent["text"]):
        return _telegram_refuses(400, "Bad Request: can't parse entities")
    return Answer(200, {"ok": True, "result": {"message_id": 1}})


def _telegram_refuses(code: int, why: str, **parameters: object) -> Answer:
    said = {"ok": False, "error_code": code, "description": why}
    return Answer(code, said | ({"parameters": parameters} if parameters else {}))


telegram_refuses = _telegram_refuses


def gotify(request: Request) -> Answer:
    """Answer as Gotify."""
    if request.method != "POST" or not request.path.endswith("/message"):
        return Answer(404, {"error": "Not Found", "errorCode": 404})
    if not request.headers.get("X-Gotify-Key"):
        return Answer(401, {"error": "Unauthorized", "errorDescription": "provide a token"})
    if not json.loads(request.content).get("message"):
        return Answer(400, {"error": "Bad Request", "errorDescription": "message is required"})
    return Answer(200, {"id": 1})


class Letter(NamedTuple):
    """A mail as it was taken, by whom, and whether over TLS."""

    sender: str
    to: list[str]
    message: EmailMessage
    is_secure: bool
    user: str | None


class Smtp:
    """A server of mail: TLS from the start, by STARTTLS, or none; with or without a login.

    ``refuse`` is what it answers to a command instead, by its name (``RCPT``, ``AUTH``, ``DATA``,
    ``END``: after the whole letter); "" hangs up.
    """

    def __init__(
        self,
        certificate: sandbox.Certificate | None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ):
        self.letters: list[Letter] = []
        self.refuse: dict[str, str] = {}
        self.commands: list[str] = []
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
        smtp = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # it went away
                    _Session(smtp, self.request, context, implicit, login).run()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Session:
    def __init__(self, smtp: Smtp, connection: Any, context: Any, implicit: bool, login: Any):
        self._smtp, self._context, self._login = smtp, context, login
        self._is_secure = implicit
        self._connection = (
            context.wrap_socket(connection, server_side=True) if implicit else connection
        )
        self._file = self._connection.makefile("rb")
        self._user: str | None = None
        self._sender, self._to = "", []

    def run(self) -> None:
        try:
            self._talk()
        finally:
            self._file.close()
            self._connection.close()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _talk(self) -> None:
        self._say("220 fake ESMTP")
        while line := self._file.readline():
            words = line.decode().strip()
            verb = words.split(" ")[0].upper().partition(":")[0]
            self._smtp.commands.append(words)
            if verb in self._smtp.refuse:
                if not self._smtp.refuse[verb]:
                    self._hang_up()
                    return
                self._say(self._smtp.refuse[verb])
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                getattr(self, f"_{verb.lower()}", self._unknown)(words)

    def _say(self, text: str) -> None:
        self._connection.sendall(f"{text}\r\n".encode())

    def _unknown(self, _: str) -> None:
        self._say("500 what?")

    def _ehlo(self, _: str) -> None:
        offers = ["fake"]
        if self._context and not self._is_secure:
            offers.append("STARTTLS")
        if self._login and (self._is_secure or not self._context):
            offers.append("AUTH PLAIN LOGIN")
        for offer in offers[:-1]:
            self._say(f"250-{offer}")
        self._say(f"250 {offers[-1]}")

    def _helo(self, _: str) -> None:
        self._say("250 fake")

    def _rset(self, _: str) -> None:
        self._say("250 ok")

    def _starttls(self, _: str) -> None:
        self._say("220 go on")
        self._connection = self._context.wrap_socket(self._connection, server_side=True)
        self._file = self._connection.makefile("rb")
        self._is_secure = True

    def _auth(self, words: str) -> None:
        given = base64.b64decode(words.split()[2]).decode().split("\0")[1:]
        if tuple(given) != self._login:
            self._say("535 5.7.8 bad login")
            return
        self._user = given[0]
        self._say("235 ok")

    def _mail(self, words: str) -> None:
        self._sender = re.search("<(.*?)>", words)[1]
        self._say("250 ok")

    def _rcpt(self, words: str) -> None:
        self._to.append(re.search("<(.*?)>", words)[1])
        self._say("250 ok")

    def _data(self, _: str) -> None:
        self._say("354 go on")
        lines = []
        while (line := self._file.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        refused = self._smtp.refuse.get("END")
        if refused == "":
            self._hang_up()
            return
        if refused is not None:
            self._say(refused)
            return
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        self._smtp.letters.append(
            Letter(self._sender, self._to, letter, self._is_secure, self._user)
        )
        self._to = []
        self._say("250 taken")
