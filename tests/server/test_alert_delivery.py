"""What is due is sent: once, in order, again after a failure, and never what is over."""

import itertools
import re
import threading
import time
from datetime import UTC, timedelta

import pytest

from server.alerts import deliver as delivering
from server.alerts.deliver import deliver
from server.alerts.outcome import DELIVERED, LATER, REFUSED, UNSURE, Message, Outcome
from server.alerts.targets import Targets
from tests.support.alert_world import World

pytestmark = pytest.mark.server
YES = Outcome(DELIVERED)
MINUTE = timedelta(minutes=1)


class Channel:
    """A channel that answers as it is told, and keeps what came."""

    def __init__(self):
        self.came: list[Message] = []
        self.taken: list[Message] = []
        self.answer = lambda _: YES

    def send(self, message: Message) -> Outcome:
        self.came.append(message)
        outcome = self.answer(message)
        if outcome.kind == DELIVERED:
            self.taken.append(message)
        return outcome

    @property
    def events(self) -> list[str]:
        return [message.event for message in self.taken]


@pytest.fixture
def ntfy():
    return Channel()


@pytest.fixture
def mail():
    return Channel()


@pytest.fixture
def world(database_url, ntfy):
    world = World(database_url, {"ntfy": ntfy})
    yield world
    world.close()


@pytest.fixture
def both(database_url, ntfy, mail):
    world = World(database_url, {"ntfy": ntfy, "mail": mail})
    yield world
    world.close()


def test_what_is_due_is_sent_once_to_each_channel(both, ntfy, mail):
    both.opens("home-1")
    both.passes(minutes=5)
    assert ntfy.events == mail.events == ["opened"]
    assert ntfy.taken[0].id != mail.taken[0].id
    assert both.states() == ["delivered", "delivered"]


def test_a_message_is_sent_with_its_own_id(world, ntfy):
    world.opens("home-1")
    world.delivers()
    ((id,),) = world.run("SELECT id::text FROM sungrow_alert_outbox")
    assert ntfy.taken[0].id == ntfy.taken[0].body["id"] == id


def test_what_waits_for_the_morning_waits_and_holds_up_nothing(world, ntfy):
    world.opens("home-1", severity="warning")
    world.run("UPDATE sungrow_alert_outbox SET not_before = %s + interval '1 h'", world.now)
    world.opens("home-2")
    world.delivers()
    assert [message.body["device_id"] for message in ntfy.taken] == ["home-2"]
    world.later(hours=1)
    assert [message.body["device_id"] for message in ntfy.taken] == ["home-2", "home-1"]


def test_the_end_comes_after_the_beginning_and_names_it(world, ntfy):
    ids = world.opens("home-1")
    world.delivers()
    world.now = world.now.replace(hour=11)
    world.ends(*ids)
    world.delivers()
    assert ntfy.events == ["opened", "resolved"]
    assert ntfy.taken[1].reply_to == ntfy.taken[0].id


def test_an_end_whose_beginning_was_never_told_is_not_told(world, ntfy):
    """A channel that was set up meanwhile, say."""
    ids = world.opens("home-1", channels=["mail"])
    world.ends(*ids, channels=["ntfy"])
    world.delivers()
    assert ntfy.came == []
    assert world.states("ntfy") == ["dropped"]


def test_a_failure_is_tried_again_with_the_same_id_and_longer_and_longer_waits(world, ntfy):
    ntfy.answer = lambda _: Outcome(LATER, "502")
    world.opens("home-1")
    times = []
    for _ in range(180):
        before = len(ntfy.came)
        world.delivers()
        if len(ntfy.came) > before:
            times.append(world.now)
        world.now += MINUTE
    waits = [round((b - a).total_seconds() / 60) for a, b in itertools.pairwise(times)]
    assert waits[:6] == [1, 1, 2, 4, 8, 16]
    assert set(waits[7:]) == {30}
    assert len({message.id for message in ntfy.came}) == 1
    ntfy.answer = lambda _: YES
    world.passes(minutes=31)
    assert ntfy.events == ["opened"]


@pytest.mark.parametrize("kind", [LATER, UNSURE])
def test_a_channel_that_asks_for_time_gets_it(world, ntfy, kind):
    """A.9.5: never before Retry-After, by the second run after it."""
    world.opens("home-1")
    world.opens("home-2")
    ntfy.answer = lambda _: Outcome(kind, "429", 120)
    world.delivers()
    asked = world.now
    ntfy.answer = lambda _: YES
    world.opens("home-3")
    while (world.now - asked).total_seconds() < 115:
        world.now += MINUTE / 12
        world.delivers()
    assert len(ntfy.came) == 1, "nor is another message sent meanwhile"
    world.passes(minutes=2)
    assert [message.body["device_id"] for message in ntfy.taken] == ["home-1", "home-2", "home-3"]


def test_after_one_failure_in_a_run_the_others_wait_too(world, ntfy):
    ntfy.answer = lambda _: Outcome(LATER, "no connection")
    for n in range(5):
        world.opens(f"home-{n}")
    world.delivers()
    assert len(ntfy.came) == 1


def test_a_channel_that_refuses_is_left_alone_but_for_a_probe_an_hour(both, ntfy, mail):
    ntfy.answer = lambda _: Outcome(REFUSED, "403 forbidden")
    for n in range(3):
        both.opens(f"home-{n}")
    both.passes(hours=3.1)
    assert len(ntfy.came) == 4
    assert len({message.id for message in ntfy.came}) == 3, "each message is a probe in turn"
    others = [message.body["rule"] for message in mail.taken]
    assert sorted(others) == ["channel", "no_data", "no_data", "no_data"], "the others go on"
    ntfy.answer = lambda _: YES
    both.passes(hours=1.1)
    assert ntfy.events == ["opened"] * 3


def test_what_one_channel_refuses_again_while_it_takes_others_is_given_up(world, ntfy):
    bad = lambda message: message.body["device_id"] == "bad"  # noqa: E731
    ntfy.answer = lambda message: Outcome(REFUSED, "400 no") if bad(message) else YES
    world.opens("bad")
    world.opens("good")
    world.passes(hours=4)
    assert sorted(world.states()) == ["delivered", "given up"]
    assert [bad(message) for message in ntfy.came].count(True) == 2


def test_down_for_six_hours_while_it_ended_makes_one_message_in_the_past(world, ntfy):
    """A.9.4."""
    ntfy.answer = lambda _: Outcome(LATER, "no connection")
    ids = world.opens("home-1")
    world.passes(hours=1)
    world.writes("repeated", ids, "home-1", n=1)
    world.passes(hours=2)
    world.ends(*ids)
    world.passes(hours=3)
    ntfy.answer = lambda _: YES
    world.passes(hours=1)
    assert ntfy.events == ["resolved"]
    assert ntfy.taken[0].body["since"] < ntfy.taken[0].body["until"]
    assert sorted(world.states()) == ["delivered", "dropped", "dropped"]


@pytest.mark.parametrize("language", ["en", "nl", "de", "fr"])
def test_what_is_over_and_has_no_other_message_is_told_in_the_past(world, ntfy, language):
    world.settings = world.settings._replace(language=language)
    ids = world.opens("home-1")
    world.now = world.now.replace(hour=16)
    world.ends(*ids, told=False)
    world.delivers("Europe/Berlin")
    (sent,) = ntfy.taken
    assert sent.event == "resolved"
    assert "2026-11-02 17:00 CET" in sent.title
    assert "2026-11-02 17:00 CET" in sent.text


def test_repeats_of_a_time_in_which_nothing_could_be_sent_are_one_message(both, ntfy, mail):
    ntfy.answer = lambda _: Outcome(LATER, "502")
    ids = both.opens("home-1", "home-1b")
    both.delivers()
    for n in (1, 2, 3):
        both.now += timedelta(hours=5)
        both.writes("repeated", ids, "home-1", n=n)
        both.delivers()
    ntfy.answer = lambda _: YES
    both.passes(minutes=40)
    assert ntfy.events == ["repeated"]
    assert mail.events == ["opened", *["repeated"] * 3]
    both.ends(*ids)
    both.delivers()
    assert ntfy.events == ["repeated", "resolved"]


def test_a_repeat_of_one_of_several_does_not_take_the_others_away(world, ntfy):
    ntfy.answer = lambda _: Outcome(LATER, "502")
    ids = world.opens("home-1", "home-2")
    world.writes("repeated", ids[:1], "home-1", n=1)
    world.delivers()
    ntfy.answer = lambda _: YES
    world.later(hours=1)
    assert ntfy.events == ["opened", "repeated"]


def test_a_program_hears_of_each_beginning(world, ntfy):
    world.settings = world.settings._replace(targets=Targets({"webhook": ntfy}))
    ntfy.answer = lambda _: Outcome(LATER, "502")
    ids = world.opens("home-1")
    for n in (1, 2):
        world.writes("repeated", ids, "home-1", n=n)
    world.delivers()
    ntfy.answer = lambda _: YES
    world.later(hours=1)
    assert ntfy.events == ["opened", "repeated"]


def test_a_channel_with_a_bug_keeps_the_message_and_does_not_hold_up_the_others(both, ntfy, mail):
    def crash(_):
        raise ValueError("a bug")

    ntfy.answer = crash
    both.opens("home-1")
    assert deliver(both.settings, lambda: both.now, UTC) == ["ntfy: ValueError"]
    assert mail.events == ["opened"]
    ntfy.answer = lambda _: YES
    both.later(hours=1)
    assert ntfy.events == ["opened"]


@pytest.mark.parametrize("slow", ["ntfy", "mail"])
def test_a_channel_that_never_ends_does_not_hold_up_the_run(
    both, ntfy, mail, slow, monkeypatch, caplog
):
    monkeypatch.setattr(delivering, "PATIENCE_S", 1.0)
    hangs, other = (ntfy, mail) if slow == "ntfy" else (mail, ntfy)
    end = threading.Event()
    hangs.answer = lambda _: (end.wait(30), YES)[1]
    both.opens("home-1")
    begun = time.monotonic()
    both.delivers()
    assert time.monotonic() - begun < 10
    assert other.events == ["opened"]
    assert "channel left alone" in caplog.text
    end.set()


def test_what_happens_at_a_moment_is_not_over(world, ntfy):
    ids = world.opens("home-1", rule="lost")
    world.ends(*ids, told=False)
    world.delivers()
    assert ntfy.events == ["opened"]


def test_of_several_in_one_message_the_end_of_one_waits_for_it(world, ntfy):
    ntfy.answer = lambda _: Outcome(LATER, "no connection")
    ids = world.opens("home-1", "home-2")
    world.delivers()
    world.ends(ids[0])
    ntfy.answer = lambda _: YES
    world.passes(minutes=5)
    assert ntfy.events == ["opened", "resolved"]
    world.ends(ids[1])
    world.passes(minutes=5)
    assert ntfy.events == ["opened", "resolved", "resolved"]


def test_down_for_three_days_a_message_is_given_up_and_counted(world, ntfy):
    """A.9.4."""
    ntfy.answer = lambda _: Outcome(LATER, "no connection")
    world.opens("home-1")
    world.opens("home-2")
    for _ in range(146):
        world.later(minutes=30)
    assert world.states() == ["given up", "given up"]
    assert len(ntfy.came) > 100
    ((error,),) = world.run("SELECT DISTINCT error FROM sungrow_alert_outbox WHERE attempts > 0")
    assert error == "no connection"
    ntfy.answer = lambda _: YES
    world.opens("home-3")
    world.later(hours=1.1)
    assert [message.body["device_id"] for message in ntfy.taken] == ["home-3"]


def test_what_nobody_could_send_while_we_were_off_is_sent_late(world, ntfy):
    world.opens("home-1")
    world.later(hours=90)
    assert ntfy.events == ["opened"]


def test_after_twenty_messages_a_day_one_says_that_there_are_more(world, ntfy):
    for n in range(30):
        world.opens(f"home-{n}")
    world.passes(hours=1)
    assert len(ntfy.taken) == 21
    last = ntfy.taken[-1]
    assert (last.event, last.body["more"]) == ("digest", 10)
    assert re.match("10 more alerts today", last.title)
    assert world.states().count("dropped") == 9
    world.opens("tomorrow")
    world.later(hours=24)
    assert ntfy.taken[-1].body["device_id"] == "tomorrow"


def test_a_beginning_that_the_brake_stopped_has_no_end(world, ntfy):
    ids = [world.opens(f"home-{n}")[0] for n in range(25)]
    world.delivers()
    world.later(hours=25)
    count = len(ntfy.taken)
    world.ends(ids[-1])
    world.delivers()
    assert len(ntfy.taken) == count


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_claimed_message_whose_sender_died_is_due_again_after_two_minutes(world, ntfy):
    def dies(_):
        raise SystemExit  # of its thread

    ntfy.answer = dies
    world.opens("home-1")
    world.delivers()
    ntfy.answer = lambda _: YES
    world.passes(minutes=1)
    assert ntfy.taken == []
    world.passes(minutes=2)
    assert ntfy.events == ["opened"]
    assert len({message.id for message in ntfy.came}) == 1


def test_two_senders_at_once_send_each_message_once(world, ntfy):
    for n in range(15):
        world.opens(f"home-{n}")
    threads = [threading.Thread(target=world.delivers) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.passes(minutes=5)
    assert len(ntfy.came) == 15


def test_an_answer_that_never_comes_makes_few_doubles(world, ntfy):
    ntfy.answer = lambda _: Outcome(UNSURE, "no answer: timed out")
    world.opens("home-1")
    world.passes(hours=2)
    assert len(ntfy.came) <= 6
    assert len({message.id for message in ntfy.came}) == 1
    assert world.states() == ["waits"]


def test_one_channel_that_hangs_does_not_hold_up_the_others(both, ntfy, mail):
    released = threading.Event()
    ntfy.answer = lambda _: (released.wait(5), YES)[1]
    both.opens("home-1")
    thread = threading.Thread(target=both.delivers)
    thread.start()
    deadline = threading.Event()
    for _ in range(400):
        if mail.taken:
            break
        deadline.wait(0.01)
    assert mail.events == ["opened"]
    released.set()
    thread.join()
