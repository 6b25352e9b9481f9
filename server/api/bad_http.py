"""Answer requests that are not HTTP, which gunicorn refuses before the app ever sees them.

gunicorn then writes an HTML page, and has no setting to change that; this API always answers in
JSON. And what only the client has done wrong is a 400, an unknown Transfer-Encoding too, for which
gunicorn sends 501.
"""

import json
import socket

from gunicorn import util


def answer_in_json() -> None:
    """Make the gunicorn of this process write such answers in the shape of all others."""
    util.write_error = _write_error


def _write_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    status, reason = (400, "Bad Request") if status_int == 501 else (status_int, reason)
    body = json.dumps({"detail": mesg or reason}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin1") + body)
