"""What a request gets that is no HTTP: gunicorn answers it before the app ever sees it.

gunicorn writes an HTML page then, with no setting to change that; this API answers in JSON, always.
And what a client alone has done wrong is a 400, also a Transfer-Encoding that nobody knows, for
which gunicorn says 501.
"""

import json
import socket

from gunicorn import util


def answer_in_json() -> None:
    """Let gunicorn of this process write such answers in the shape of all others."""
    util.write_error = _write_error


def _write_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    status, reason = (400, "Bad Request") if status_int == 501 else (status_int, reason)
    body = json.dumps({"detail": mesg or reason}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin1") + body)
