"""Every bit of every fault register, one at a time: from a fake dongle to curl, page and message.

    nice .venv/bin/python -m tests.faults [--every N]

Each is raised in a fake dongle, polled over Modbus, decoded, sent to a real server, and asked for
with ``curl``: code, text and severity must be those of the document, or those of an unknown bit.
Then System is opened with all of them in a browser, in each language, and each is told to the owner
of a house of its own, in each language: what an ntfy of the tests takes must name it and say what
to do.
Takes some minutes for all 480.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import requests

from edge_lib.clock import Clock
from edge_lib.dongle.inverter import Inverter
from edge_lib.poller import reading
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from server import sandbox
from server.page import LANGUAGES
from tests import faults_told
from tests.bench.servers import DEVICE, HEADERS, TOKEN, started

READ = "read-token"
CODES = sandbox.ROOT / "tests/support/fault_codes.csv"
# Of each word: the codes of bits 0 and 16, and how grave it is.
WORDS = {
    13050: (70, 500, "warning"),
    13052: (2, 100, "fault"),
    13054: (300, 316, "fault"),
    13056: (36, 52, "fault"),
    13058: (19, 200, "fault"),
    13060: (401, 417, "permanent"),
    13062: (600, 616, "fault"),
    13064: (800, 816, "permanent"),
    13066: (700, 716, "fault"),
    13068: (900, 916, "warning"),
    13070: (932, 948, "warning"),
    13072: (732, 748, "fault"),
    13074: (832, 848, "fault"),
    13076: (864, 880, "fault"),
    13078: (964, 980, "warning"),
}


class Expected(NamedTuple):
    """What must be said of a bit."""

    word: int
    bit: int
    code: int
    text: str
    severity: str
    advice: str = ""  # of the document, in English


def expected() -> Iterator[Expected]:
    """Return what must be said of each bit, in order."""
    with CODES.open(encoding="utf-8", newline="") as file:
        known = {
            (row["register_doc_address"], row["bit_or_code"]): row for row in csv.DictReader(file)
        }
    for word, (low, high, severity) in WORDS.items():
        for bit in range(32):
            code = low + bit if bit < 16 else high + bit - 16
            row = known.get((str(word), f"bit{bit}"))
            text = row["text"] if row else f"Code {code} (unknown to this version)"
            grave, advice = (row["severity"], row["cause_or_action"]) if row else (severity, "")
            yield Expected(word, bit, code, text, grave, advice)


Wrong = tuple[Expected, object]


class Wire:
    """A fake dongle, and what a poll of it makes of a raised bit."""

    def __init__(self) -> None:
        self._dongle = FakeDongle(HouseholdSource(Clock()))
        self._dongle.start()
        host, port = self._dongle.host, self._dongle.port
        self._inverter = Inverter(host, port, 1, 5.0, 0.0, Clock(), lambda _: False)

    def sample(self, word: int, bit: int, ts: datetime) -> dict:
        """Raise one bit, poll, and return the sample."""
        self._dongle.faults = {word: 1 << bit}
        found = reading(self._inverter.read_words(), ts, {"device_id": DEVICE})
        assert not found.problems, found.problems
        return found.sample

    def close(self) -> None:
        self._inverter.close()
        self._dongle.stop()


def curl(url: str, ca: str) -> dict:
    """Ask as a user does."""
    command = ["curl", "-sS", "--cacert", ca, "-H", f"Authorization: Bearer {TOKEN}", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def by_curl(url: str, ca: str, bits: list[Expected]) -> tuple[list[Wrong], list[str]]:
    """Raise each bit, send it, ask for it; return what is wrong, and each sample's ``faults``."""
    began = datetime.now(UTC) - timedelta(hours=2)
    wrong: list[Wrong] = []
    shown = []
    wire = Wire()
    try:
        for number, bit in enumerate(bits):
            sample = wire.sample(bit.word, bit.bit, began + timedelta(seconds=number))
            shown.append(sample["faults"])
            body = {"samples": [sample]}
            answer = requests.post(
                f"{url}/v1/ingest", json=body, headers=HEADERS, verify=ca, timeout=30
            )
            assert answer.json()["inserted"] == 1, answer.text
            told = curl(f"{url}/v1/faults", ca)
            found = [f for f in told["faults"] if (f["word"], f["bit"]) == bit[:2]]
            right = [f["polls"] == 1 and f["advice"] and told["can_tell"] for f in found] == [
                True
            ] and (found[0]["code"], found[0]["text"], found[0]["severity"]) == bit[2:5]
            if not right or len(told["faults"]) != number + 1:
                wrong.append((bit, found))
    finally:
        wire.close()
    return wrong, shown


def main(argv: list[str]) -> int:
    """Try each bit; return 0 if all is right."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth bit")
    bits = list(expected())[:: parser.parse_args(argv).every]
    page = {"READ_TOKENS": f"{READ}:{DEVICE}", "SECRET_KEY": "k" * 32}
    wrong: dict[str, list[Wrong]] = {}
    with started() as servers, servers.gunicorn(servers.database(), tls=True, **page) as server:
        wrong["by curl"], shown = by_curl(server.url, str(server.certificate.ca), bits)
        for language, rows in faults_told.wrong_rows(server.url, READ, bits).items():
            wrong[f"on the page in {language}"] = rows
        for language in LANGUAGES:
            told = faults_told.wrong_messages(
                servers.database(), list(zip(bits, shown, strict=True)), language
            )
            wrong[f"as a message in {language}"] = told
    for where, found in wrong.items():
        for bit, said in found:
            print(f"{where}: {bit}: {said}")
    print(f"{len(bits)} bits raised, one at a time; right of them:")
    for where, found in wrong.items():
        print(f"{len(bits) - len(found)} {where}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
