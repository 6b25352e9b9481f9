"""A Modbus server that we did not write: pymodbus, serving what a dump or a house would."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


@contextmanager
def foreign_dongle(words: dict[int, int]) -> Iterator[int]:
    """Serve these words by wire address, for unit 1, and refuse others; return the port."""
    device = SimDevice(id=1, simdata=[_span(words, first, last) for first, last in _spans(words)])
    started, state = threading.Event(), {}

    async def serve() -> None:
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        state.update(server=server, loop=asyncio.get_running_loop())
        started.set()
        await server.serving

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10), "pymodbus did not start"
    try:
        yield state["server"].transport.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(state["server"].shutdown(), state["loop"]).result(10)
        thread.join(10)


def _spans(words: dict[int, int]) -> Iterator[tuple[int, int]]:
    starts = sorted(a for a in words if a - 1 not in words)
    ends = sorted(a for a in words if a + 1 not in words)
    return zip(starts, ends, strict=True)


def _span(words: dict[int, int], first: int, last: int) -> SimData:
    values = [words[address] for address in range(first, last + 1)]
    return SimData(address=first, values=values, datatype=DataType.REGISTERS)
