"""kill -9 of the alerter at some lines of its code; ``alert_kills`` does all of them."""

from pathlib import Path

import pytest

from tests.chaos import alert_kills
from tests.support.alert_servers import Web

KILLS = 40


@pytest.fixture(scope="module")
def found(databases, certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    with Web(certificate, alert_kills.rule) as web:
        ca = Path(certificate.ca)
        return alert_kills.torture(databases.migrated(), ca, web, folder, KILLS)


def test_no_message_is_lost_and_doubles_are_what_was_on_its_way(found):
    assert alert_kills.verdict(found) is None, found
    assert found["kills"] == KILLS
    assert found["places"] > 5
    assert found["on_its_way"] > 2


def test_the_ends_are_told_too(found):
    for channel in ("ntfy", "webhook"):
        assert found[channel]["resolved"] >= found["episodes"] - 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"ntfy": {"episodes": 9, "doubles": 0}},
        {"ntfy": {"episodes": 10, "doubles": 3}},
        {"webhook": {"episodes": 10, "doubles": 1, "ids": 11}},
    ],
)
def test_the_verdict_sees_what_would_be_wrong(wrong):
    fine = {"episodes": 10, "on_its_way": 2, "ntfy": {"episodes": 10, "doubles": 2}}
    fine |= {"webhook": {"episodes": 10, "doubles": 1, "ids": 10}}
    assert alert_kills.verdict(fine) is None
    assert alert_kills.verdict(fine | wrong) is not None
