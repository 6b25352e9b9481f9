"""One talker a device: a lock that every command on this machine takes before it connects.

The lock is an abstract unix socket: it needs no file and no right to write one, and the kernel
frees it when its process ends, however it ends. It holds among processes of one network namespace;
containers with networks of their own do not see it.
"""

import errno
import hashlib
import socket
from typing import Self

_NAME_BYTES = 107  # of 108 in sockaddr_un; the first is the NUL that makes the name abstract


class AddressLock:
    """The lock of the device of this ``kind`` at this ``address``, as configured, not resolved."""

    def __init__(self, kind: str, address: str) -> None:
        name = f"sungrow-{kind}-{address}".encode()
        if len(name) > _NAME_BYTES:
            name = f"sungrow-{kind}-{hashlib.sha256(name).hexdigest()}".encode()
        self._name = b"\0" + name
        self._held: socket.socket | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting; False if another holder has it."""
        if self._held:
            return True
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(self._name)
        except OSError as error:
            held.close()
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        self._held = held
        return True

    def release(self) -> None:
        """Let the lock go; without effect if it is not held."""
        if self._held:
            self._held.close()
            self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
