"""The short forms of the long runs: the same code, fewer rounds. Each prints its figures."""

import pytest

from tests.chaos import chain, hostile, mutants, outage, poison, wire

# The rest of the mutants, and the slower killers, in the long form.
QUICK = ("synchronous NORMAL", "plain rowid", "200 means delete", "ack by id <= x")


def test_killed_edges_workers_and_databases_behind_a_harmful_wire_lose_and_double_nothing():
    assert chain.run(edge_kills=32, worker_kills=4, stops=4, edges=4) == 0


def test_a_wire_that_harms_three_requests_of_four_loses_and_doubles_nothing():
    assert wire.run(requests=1000, uploaders=3) == 0


def test_poison_is_parked_and_a_broken_server_is_waited_for():
    assert poison.run(count=1000) == 0


def test_after_an_outage_all_arrives_and_the_present_is_seen_at_once():
    assert outage.run(count=20_000) == 0


def test_two_thousand_hostile_requests_meet_no_5xx_and_kill_no_worker():
    assert hostile.run(requests=2000) == 0


@pytest.mark.parametrize("name", QUICK)
def test_a_spoiled_product_is_noticed(name):
    chosen = [mutant for mutant in mutants.MUTANTS if mutant.name == name]
    assert mutants.run(chosen, killers_each=1, baseline=False) == 0


def test_every_mutant_can_still_be_made(tmp_path):
    scratch = mutants.Scratch(tmp_path)
    for mutant in mutants.MUTANTS:
        for path, text in scratch.spoil(mutant).items():
            path.write_text(text)
