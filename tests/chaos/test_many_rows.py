"""A batch of more rows than a driver sends at once."""

from tests.support.batches import app_on, verdict
from tests.support.samples import a_sample


def test_the_verdict_on_hundreds_of_samples_counts_every_one_of_them(database_url):
    # Drivers that send rows in pages of a hundred count the last page alone.
    client = app_on(database_url).test_client()
    batch = [a_sample() for _ in range(450)]
    assert verdict(client, *batch[:250]) == (250, 0, [])
    assert verdict(client, *batch) == (200, 250, [])
    taken = [sample | {"load_power_w": 1.0} for sample in batch]
    assert verdict(client, *taken) == (0, 0, list(range(450)))
