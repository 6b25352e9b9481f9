"""The server against malformed and hostile requests: never a bug, never a dead worker.

    nice .venv/bin/python -m tests.chaos.hostile [--requests 100000]

Each request goes over a connection of its own to gunicorn's socket. Every thousand is followed by a
good one, which must store its sample. Errors must have the shape of the contract and tell nothing
of the inside; workers must live on, and their log must know of no bug.
"""

import argparse
import contextlib
import re
import socket
import sys
import threading
import time
from collections import Counter

from tests.chaos.hostile_requests import MAY_BE_SILENT, Maker
from tests.chaos.http_message import Message
from tests.chaos.stack import Progress, Stack, children, nice, pause, token

DEVICE = "hostile"
STATUSES = {200, 204, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 422, 429, 431}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BUSY = b"another comparison is being computed; try again"  # one at a time: /v1/referee says so
_INSIDE = re.compile(rb"Traceback|psycopg2|File \"/|SELECT |INSERT |site-packages|gunicorn/\d")
_TROUBLE = re.compile(r'"event": ?"bug"|Traceback|WORKER TIMEOUT|was sent SIG|"level": ?"CRITICAL"')


class Attack:
    """Sends requests from several threads and keeps what was wrong with the answers."""

    def __init__(self, stack: Stack, requests: int, seed: int, threads: int = 6):
        self.stack, self.requests, self.seed, self.threads = stack, requests, seed, threads
        self.statuses: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.problems: list[str] = []
        self.good, self.sent, self.slowest_s = 0, 0, 0.0
        self._lock = threading.Lock()

    def run(self, progress: Progress) -> None:
        threads = [
            threading.Thread(target=self._send_many, args=(number,))
            for number in range(self.threads)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            progress.line(requests=self.sent, good=self.good, problems=len(self.problems))
            pause(0.2)

    def _send_many(self, number: int) -> None:
        maker = Maker(DEVICE, token(DEVICE), 1000 * self.seed + number)
        for _ in range(self.requests // self.threads + 1):
            kind, request = maker.request()
            start_s = time.monotonic()
            answer = self._ask(request)
            spent_s = time.monotonic() - start_s
            with self._lock:
                self.sent += 1
                self.slowest_s = max(self.slowest_s, spent_s)
                self._judge(kind, request, answer)
                due = self.sent % 1000 == 0
            if due:
                self._a_good_one(maker)

    def _a_good_one(self, maker: Maker) -> None:
        answer = self._ask(maker.good())
        content = answer.json() if answer else None
        if content == {"inserted": 1, "duplicates": 0, "conflicts": []}:
            self.good += 1
        else:
            self.problems.append(f"a good request: {answer}")

    def _ask(self, request: bytes) -> Message | None:
        """Return the answer; None where there was none that is HTTP."""
        raw = b""
        with contextlib.suppress(OSError), self._connected() as peer:
            # A server that answers before it has read everything may reset the rest of it.
            with contextlib.suppress(OSError):
                peer.sendall(request)
                peer.shutdown(socket.SHUT_WR)
            while more := peer.recv(1 << 20):
                raw += more
        head, end, body = raw.removeprefix(CONTINUE).partition(b"\r\n\r\n")
        return Message(head + end, body) if head.startswith(b"HTTP/1.") else None

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.stack.gunicorn.port), 20)

    def _judge(self, kind: str, request: bytes, answer: Message | None) -> None:
        self.kinds[kind] += 1
        if answer is None:
            self.statuses["none"] += 1
            wrong = "" if kind in MAY_BE_SILENT else "no answer"
        else:
            self.statuses[str(answer.status)] += 1
            wrong = self._wrong(request, answer)
        if wrong:
            shown = None if answer is None else answer.raw[:300]
            self.problems.append(f"{kind}: {wrong}: {request[:600]!r} -> {shown!r}")

    @staticmethod
    def _wrong(request: bytes, answer: Message) -> str:
        if answer.status not in STATUSES and _BUSY not in answer.raw:
            return f"status {answer.status}"
        if _INSIDE.search(answer.raw):
            return "tells of the inside"
        if answer.status < 400:
            return ""
        if answer.headers.get("content-type") != "application/json":
            return "no JSON"
        content = answer.json()
        shaped = isinstance(content, dict) and "detail" in content
        return "" if shaped or request.startswith(b"HEAD") else "no detail"


def run(requests: int, seed: int = 1) -> int:
    progress = Progress()
    with Stack([DEVICE], share=0.0) as stack:
        workers = set(children(stack.gunicorn.process.pid))
        attack = Attack(stack, requests, seed)
        attack.run(progress)
        after = set(children(stack.gunicorn.process.pid))
        log = stack.gunicorn.log.read_text(errors="replace")
        attack.problems += [line for line in log.splitlines() if _TROUBLE.search(line)]
        if workers != after:
            attack.problems.append(f"workers died: {workers} -> {after}")
        return verdict(attack, progress)


def verdict(attack: Attack, progress: Progress) -> int:
    fives = sum(n for status, n in attack.statuses.items() if status.startswith("5"))
    for counts in (attack.kinds, attack.statuses):
        print("  " + "  ".join(f"{name} {n:,}" for name, n in sorted(counts.items())))
    progress.table(
        requests=attack.sent,
        good_ones_between=attack.good,
        status_5xx=fives,
        slowest_answer_s=f"{attack.slowest_s:.2f}",
        problems=len(attack.problems),
    )
    for problem in attack.problems[:20]:
        print(problem)
    return 1 if attack.problems or attack.good < attack.requests // 1000 else 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.hostile", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args(argv)
    return run(told.requests, told.seed)


if __name__ == "__main__":
    nice()
    sys.exit(main(sys.argv[1:]))
