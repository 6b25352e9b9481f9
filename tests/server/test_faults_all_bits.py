"""The short form of ``python -m tests.faults``: some bits of each word, from dongle to answer."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import faults
from tests.support.batches import DEVICE, app_on, get, verdict

BITS = [bit for bit in faults.expected() if bit.bit in (0, 14, 15, 16, 31)]


@pytest.fixture(scope="module")
def wire():
    made = faults.Wire()
    yield made
    made.close()


def test_bits_of_every_word_reach_the_answer_with_code_and_text(databases, wire):
    client = app_on(databases.migrated()).test_client()
    began = datetime.now(UTC) - timedelta(hours=1)
    samples = [
        wire.sample(bit.word, bit.bit, began + timedelta(seconds=number)) | {"device_id": DEVICE}
        for number, bit in enumerate(BITS)
    ]
    assert verdict(client, *samples)[0] == len(BITS)
    told = get(client, "/v1/faults").json["faults"]
    names = ("word", "bit", "code", "text", "severity")
    assert [tuple(f[name] for name in names) for f in reversed(told)] == [
        tuple(b)[:5] for b in BITS
    ]


def test_all_of_them_are_480_with_different_codes():
    bits = list(faults.expected())
    assert len({bit.code for bit in bits}) == len(bits) == 480
