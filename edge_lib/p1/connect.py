"""Opens a TCP connection to a device of the house."""

import socket

from edge_lib.clock import Clock
from edge_lib.p1.errors import P1Error

CONNECT_S = 5.0
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


def connect(host: str, port: int, clock: Clock) -> socket.socket:
    """Connect within five seconds, shared by all addresses of the name.

    Raises:
        P1Error: unreachable; looking the name up comes on top of the time.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise P1Error("unreachable", f"{host}: {error}") from error
    deadline_s = clock.monotonic_s() + CONNECT_S
    cause: OSError | None = None
    for i, (family, kind, protocol, _, address) in enumerate(found):
        share_s = (deadline_s - clock.monotonic_s()) / (len(found) - i)
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(share_s, 0.01))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError as error:
            connection.close()
            cause = error
        else:
            return connection
    raise P1Error("unreachable", f"{host} port {port}: {cause}") from cause
