"""The quick form of ``tests.chaos.p1_bytes``."""

from tests.chaos import p1_bytes


def test_no_harmed_telegram_raises_or_is_taken_by_mistake():
    counts = p1_bytes.run(1500, seed=2)
    assert counts["mutations"] == 1500
    assert counts["refused"] > 500
    assert counts["taken"] > 30  # harmed beside the telegram, or in one of two
