"""Mutates the bytes of telegrams: ``python -m tests.chaos.p1_bytes --mutations 1000000``.

Streams of telegrams of four dialects are harmed in 1 to 8 places (bytes changed, dropped, put in,
parts repeated or moved) and fed in pieces of random sizes. Counted and demanded:

- nothing is raised, whatever comes;
- a telegram is taken for whole only where a CRC that is computed in another way, over the harmed
  bytes themselves, agrees;
- what is taken makes values that keep the contract of a reading.
"""

import argparse
import random
import re
import sys
from collections import Counter
from datetime import UTC, datetime

from edge_lib.p1.framing import Framer
from edge_lib.p1.telegram import parse
from edge_lib.shared.p1_reading import P1
from tests.support.p1_telegrams import METERS, crc_by_bits, whole

NOW = datetime(2026, 11, 28, 17, 15, 31, tzinfo=UTC)
# What does most harm in the wrong place.
_SHARP = b"/!\r\n().:*-0123456789ABCDEFabcdefSW\x00\xff"


def _any_byte(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] = chance.randrange(256)


def _sharp_byte(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] = chance.choice(_SHARP)


def _bit(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] ^= 1 << chance.randrange(8)


def _lost(data: bytearray, at: int, chance: random.Random) -> None:
    del data[at : at + chance.randint(1, 40)]


def _put_in(data: bytearray, at: int, chance: random.Random) -> None:
    data[at:at] = bytes(chance.choices(_SHARP, k=chance.randint(1, 12)))


def _repeated(data: bytearray, at: int, chance: random.Random) -> None:
    data[at:at] = data[at : at + chance.randint(1, 200)]


def _in_the_crc(data: bytearray, at: int, chance: random.Random) -> None:
    # There the framing has to be strict.
    end = data.rfind(b"!")
    if end >= 0:
        data[min(len(data) - 1, end + chance.randint(0, 6))] = chance.choice(_SHARP)


HARMS = (_any_byte, _sharp_byte, _bit, _lost, _put_in, _repeated, _in_the_crc)


def mutated(stream: bytes, chance: random.Random) -> bytes:
    """Return the stream with 1 to 8 harms."""
    data = bytearray(stream)
    for _ in range(chance.randint(1, 8)):
        if data:
            chance.choice(HARMS)(data, chance.randrange(len(data)), chance)
    return bytes(data)


def try_one(stream: bytes, chance: random.Random, counts: Counter) -> None:
    """Feed one harmed stream, and count what becomes of it.

    Raises:
        AssertionError: a telegram was taken that is not whole.
    """
    framer, at = Framer(), 0
    while at < len(stream):
        size = chance.choice((1, 17, 64, 300, 4096))
        for frame in framer.feed(stream[at : at + size]):
            counts["framed"] += 1
            told = parse(frame, NOW)  # also what is not whole must not raise
            P1.check({"device_id": "d", "ts": "2026-11-28T17:15:31Z", **told.values}, NOW)
            if not frame.is_whole:
                counts["refused"] += 1
                continue
            counts["taken"] += 1
            crcs = _crcs_behind(frame.body, stream)
            assert crcs, "taken without a CRC, or what was taken did not come"
            assert crc_by_bits(frame.body) in crcs, "taken with a wrong CRC"
            counts["taken, though harmed"] += frame.body not in _GOOD
        at += size
    assert len(framer._buffer) <= 2 * 16_384, "the buffer has no bound"


def _crcs_behind(body: bytes, stream: bytes) -> set[int]:
    """Return the numbers that stand behind each occurrence of what was taken."""
    found = re.finditer(re.escape(body) + rb"([0-9A-Fa-f]{1,4})\x00?\r?\n", stream)
    return {int(match[1], 16) for match in found}


_STREAMS = [whole(name) for name in METERS]
_GOOD = {stream.rpartition(b"!")[0] + b"!" for stream in _STREAMS}


def run(mutations: int, seed: int) -> Counter:
    """Return the counts of so many harmed streams."""
    chance, counts = random.Random(seed), Counter()
    for _ in range(mutations):
        stream = chance.choice(_STREAMS)
        if chance.random() < 0.2:
            stream += chance.choice(_STREAMS)
        try_one(mutated(stream, chance), chance, counts)
        counts["mutations"] += 1
    return counts


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    counts = run(given.mutations, given.seed)
    print(f"seed {given.seed}: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))
    print("no exception; every telegram that was taken has the CRC of its bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
