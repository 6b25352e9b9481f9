"""Samples that the server will never take neither stop the others nor vanish.

    nice .venv/bin/python -m tests.chaos.poison [--samples 10000]

Up to 2 % of a spool's samples are poison, of seven kinds: all good ones must be stored within a
minute, all bad ones parked, with the reason, on the edge and in ``sungrow_parked``. Then a server
that is broken itself and refuses a fifth of what is good: the edge must hold, park nothing beyond
its window of 49, and deliver all once the server is mended.
"""

import argparse
import itertools
import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import requests

from edge_lib.clock import Clock
from edge_lib.config import UploadConfig
from edge_lib.spool import parked as spool_parked
from edge_lib.spool.spool import Spool
from edge_lib.upload.uploader import Uploader
from tests.chaos.stack import Progress, Stack, fill, history, nice, numbered, quiet, token
from tests.support.spooling import parked_of, read_of

BOOT = "d" * 32
SHARES_PCT = (0.1, 0.5, 1.0, 2.0)
WITHIN_S = 60.0
WINDOW = 49  # parked at most before the edge holds
# What is wrong, and the word for it in the reason.
POISON = (
    ({"pv_power_w": 300_000.0}, "out_of_range"),
    ({"pv_power_w": None}, "null"),
    ({"battery_soc_pct": "50"}, "number_type"),
    ({"battery_power_source": "NOT A WORD"}, "string_pattern"),
    ({"running_state": 1.5}, "number_type"),
    ({"a_field_of_tomorrow": [1]}, "extra_value"),
    ({}, "conflict"),  # its time is taken by other values
)


class Case:
    """One spool and its way to the server."""

    def __init__(
        self, stack: Stack, device: str, count: int, share_pct: float, batch_size: int = 500
    ):
        self.stack, self.device, self.count = stack, device, count
        self._path = stack.folder / f"{device}.db"
        self._config = UploadConfig(
            stack.proxy.url, token(device), stack.certificate.ca, 10.0, batch_size, 300.0
        )
        bad = random.Random(count).sample(range(1, count + 1), round(count * share_pct / 100))
        self.poison = dict(zip(sorted(bad), itertools.cycle(POISON)))
        with Spool.strict(self._path) as spool:
            fill(spool, self._samples())
        self._open()

    def close(self) -> None:
        self.uploader.close()
        self.store.close()

    def release_all(self) -> int:
        """Queue again what is parked, as the command does: while nothing uploads."""
        self.close()
        with Spool.strict(self._path) as spool:
            released = spool.release([entry["id"] for entry in parked_of(spool)])
        self._open()
        return released

    def drain(self, most_steps: int) -> None:
        """Upload until the edge would wait, and all that is parked is reported."""
        for _ in range(most_steps):
            if not (self.uploader.upload_once() or self.store.unreported_parked(1)):
                return

    def stored(self) -> set[int]:
        return {seq for boot, seq, _ in self.stack.stored(self.device) if boot == BOOT}

    def parked(self) -> dict[int, str]:
        return {row.seq: row.reason for row in read_of(self.store, spool_parked.rows)}

    def parked_at_the_server(self) -> dict[int, str]:
        sql = "SELECT seq, reason FROM sungrow_parked WHERE device_id = %s"
        return dict(self.stack.rows(sql, self.device))

    def take_times(self) -> None:
        """Store other values under the times of the samples that are to conflict."""
        times = [s["ts"] for s in self._samples() if self._kind(s["seq"]) == "conflict"]
        taken = [
            numbered(self.device, 1, datetime.fromisoformat(ts), "0", load_power_w=1.0)
            for ts in times
        ]
        answer = requests.post(
            f"{self.stack.gunicorn.url}/v1/ingest",
            json={"samples": taken},
            headers={"Authorization": f"Bearer {token(self.device)}"},
            timeout=30,
        )
        answer.raise_for_status()

    def _open(self) -> None:
        clock = Clock()
        self.store = Spool(self._path, 7.0, clock)
        self.uploader = Uploader(self._config, self.store, clock)

    def _kind(self, number: int) -> str:
        return self.poison.get(number, ({}, ""))[1]

    def _samples(self) -> Iterator[dict]:
        end = datetime(2026, 6, 1, tzinfo=UTC) - timedelta(seconds=self.count)
        for sample in history(self.device, self.count, BOOT, end):
            yield sample | self.poison.get(sample["seq"], ({}, ""))[0]


def poison_is_parked_and_the_rest_stored(stack: Stack, count: int, share_pct: float) -> list[str]:
    """Try one share; return what went wrong."""
    device = f"poison-{share_pct}"
    with closing(Case(stack, device, count, share_pct)) as case:
        case.take_times()
        start_s = time.monotonic()
        case.drain(count)
        spent_s = time.monotonic() - start_s
        good = set(range(1, count + 1)) - case.poison.keys()
        parked, reported = case.parked(), case.parked_at_the_server()
        print(
            f"{share_pct:5.1f} %  good {len(good):6,} stored {len(case.stored()):6,} in "
            f"{spent_s:.1f} s  bad {len(case.poison):4} parked {len(parked):4} "
            f"in sungrow_parked {len(reported):4}",
            flush=True,
        )
        wrong = {n: reason for n, reason in parked.items() if case.poison[n][1] not in reason}
        depth = case.store.counts().depth
    checks = {
        "a good sample is missing, or a bad one stored": case.stored() == good,
        "too slow": spent_s <= WITHIN_S,
        "not exactly the bad ones are parked": parked.keys() == case.poison.keys(),
        f"parked for another reason: {wrong}": not wrong,
        "sungrow_parked differs from the edge": reported == parked,
        "something waits": depth == 0,
    }
    return [f"{share_pct} %: {what}" for what, right in checks.items() if not right]


def a_broken_server_is_waited_for(stack: Stack, count: int) -> list[str]:
    """Let the server refuse a fifth, mend it; return what went wrong."""
    problems = []
    stack.proxy.rule = refuse_a_fifth
    with closing(Case(stack, "poison-held", count, 0, batch_size=20)) as case:
        for _ in range(20):  # back-offs
            while case.uploader.upload_once():
                pass
        parked, failures = set(case.parked()), case.uploader.failures
        held = case.store.counts().depth
        stack.proxy.rule = lambda _: None
        case.drain(count)
        stored = case.stored()
        if stored | parked != set(range(1, count + 1)) or stored & parked:
            problems.append(f"mended: {count - len(stored | parked)} missing")
        released = case.release_all()
        case.drain(count)
        print(
            f" 20.0 %  held {held:,} after 20 back-offs, parked {len(parked)} (window {WINDOW}); "
            f"mended: stored {len(stored):,}, with the {released} released "
            f"{len(case.stored()):,} of {count:,}",
            flush=True,
        )
        if case.stored() != set(range(1, count + 1)):
            problems.append("released ones are missing")
    if len(parked) > WINDOW:
        problems.append(f"{len(parked)} parked in a hold")
    if not (failures >= 20 and held):
        problems.append("the edge did not hold")
    return problems


def refuse_a_fifth(batch: dict) -> tuple[int, dict] | None:
    """Refuse, in the server's own words, every fifth sample."""
    places = [
        {"loc": ["body", "samples", i, "pv_power_w"], "msg": "is odd", "type": "out_of_range"}
        for i, sample in enumerate(batch["samples"])
        if sample["pv_power_w"] % 5 == 4
    ]
    return (422, {"detail": places, "batch_id": batch["batch_id"]}) if places else None


def run(count: int) -> int:
    progress, problems = Progress(), []
    devices = [*(f"poison-{share}" for share in SHARES_PCT), "poison-held"]
    with quiet(), Stack(devices, share=0.0) as stack:
        for share_pct in SHARES_PCT:
            problems += poison_is_parked_and_the_rest_stored(stack, count, share_pct)
        problems += a_broken_server_is_waited_for(stack, count)
    progress.table(samples=count * len(devices), problems=len(problems))
    print("\n".join(problems) or "every good sample stored, every bad one parked, none deleted")
    return 1 if problems else 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.poison", description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    return run(parser.parse_args(argv).samples)


if __name__ == "__main__":
    nice()
    sys.exit(main(sys.argv[1:]))
