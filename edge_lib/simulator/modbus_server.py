"""A Modbus TCP server that can only be read, and that ends with all its threads. For the simulator.

pyModbusTCP's own server leaves the threads of its connections behind for a second, does not say
which port a 0 became, and lets itself be written to. The names with an underscore that are used
here are those of the pinned version.
"""

import contextlib
import socket
import threading
from collections.abc import Callable

from pyModbusTCP.constants import (
    EXP_ILLEGAL_FUNCTION,
    READ_HOLDING_REGISTERS,
    READ_INPUT_REGISTERS,
)
from pyModbusTCP.server import ModbusServer

_STOP_S = 1.0

# (unit, function 3 or 4, first wire address, count) -> the words, or the code of an exception
Answer = Callable[[int, int, int, int], list[int] | int]


class ReadOnlyServer(ModbusServer):  # type: ignore[misc]  # an untyped base
    """Answers functions 3 and 4 as ``answer`` says, any other with exception 1.

    ``answer`` is called in the thread of the connection. What it raises ends that connection, with
    a traceback on stderr.
    """

    def __init__(self, host: str, port: int, answer: Answer) -> None:
        super().__init__(host, port, no_block=True, ipv6=":" in host)
        self._answer = answer
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        # The library calls this with each connection, in that connection's thread.
        self.ModbusService = self._serve_connection

    def open(self) -> int:
        """Listen on ``port``, 0 = any free one; return the port.

        Raises:
            OSError: The address is taken, or not one of this machine's.
        """
        try:
            self.start()
        except ModbusServer.NetworkError as error:
            self._service.server_close()
            cause = error.args[0]
            where = f"{self.host} port {self.port}"
            raise OSError(cause.errno, cause.strerror, where) from error
        return int(self._service.server_address[1])

    def close(self) -> None:
        """Stop listening, hang up on everybody, and wait for the threads."""
        self._service.shutdown()
        self._serve_th.join(_STOP_S)
        self._service.server_close()
        with self._lock:
            connections = dict(self._connections)
        for thread, connection in connections.items():
            with contextlib.suppress(OSError):  # it may have ended by itself meanwhile
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_STOP_S)

    def _serve(self) -> None:
        self._evt_running.set()
        try:
            # The library's half second would be paid at each stop.
            self._service.serve_forever(poll_interval=0.05)
        finally:
            self._evt_running.clear()

    def _serve_connection(self, connection: socket.socket, *rest: object) -> None:
        with self._lock:
            self._connections[threading.current_thread()] = connection
        try:
            ModbusServer.ModbusService(connection, *rest)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]

    def _engine(self, session_data: ModbusServer.SessionData) -> None:
        request, response = session_data.request, session_data.response
        function = request.pdu.func_code
        if function not in (READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS):
            response.pdu.build_except(function, EXP_ILLEGAL_FUNCTION)
            return
        first, count = request.pdu.unpack(">HH", 1, 5)
        answer = self._answer(request.mbap.unit_id, function, first, count)
        if isinstance(answer, int):
            response.pdu.build_except(function, answer)
        else:
            response.pdu.add_pack(f">BB{count}H", function, 2 * count, *answer)
