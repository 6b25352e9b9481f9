"""States of an alert, who is told and when: pure, minute by minute."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.alerts import notices, rules
from server.alerts.messages import Known, rows_of
from server.alerts.notices import Calendar, Silence
from server.alerts.options import WEBHOOK, Channel, Options
from server.alerts.rules.rule import CRITICAL, INFO, WARNING, Again, Finding, Rule
from server.alerts.states import CLEARING, CLOSED, OPEN, PENDING, Judged, Timing, step
from server.alerts.texts import Writer
from tests.support.readings import utc

MINUTE = timedelta(minutes=1)
NOON = utc("2026-05-05 10:00")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CALENDAR = Calendar(AMSTERDAM, (time(22), time(7)))
NAMED = {"house": "home", "device": "home"}


def rule_of(severity=WARNING, for_s=120, clear_s=300, **more) -> Rule:
    return Rule("fault_word", severity, for_s, clear_s, "measured", lambda *_: None, **more)


class Life:
    """One rule of one house, judged each minute; and what an owner hears of it."""

    def __init__(self, rule: Rule, at=NOON, calendar=CALENDAR, silences=()):
        self.rule, self.at, self.calendar, self.silences = rule, at, calendar, silences
        self.going_on, self.past, self.heard = {}, [], []
        self.numbers = iter(range(1, 10_000))
        self.timing = Timing()

    def minute(self, outcome) -> str:
        """Judge one minute: True, False, None, or findings; return the state."""
        if outcome in (True, False):
            outcome = [Finding()] if outcome else []
        judged = [Judged(self.rule, "home", outcome)]
        changed = step(self.going_on, self.past, judged, self.at, self.timing)
        ended = []
        for instance, episode in changed.items():
            if episode is None:
                self.going_on.pop(instance)
                continue
            episode = episode if episode.id else episode._replace(id=next(self.numbers))
            if episode.state == CLOSED:
                self.going_on.pop(instance, None)
                ended.append(episode)
            else:
                self.going_on[instance] = episode
        listening = [e for e in self.going_on.values() if e.is_open] + ended
        told = notices.tell(listening, self.at, self.calendar, self.silences)
        noted = {one.id: one for one in told.episodes}
        self.going_on = {i: noted.get(one.id, one) for i, one in self.going_on.items()}
        self.past += [noted.get(one.id, one) for one in ended]
        self.heard += [(self.at, notice) for notice in told.notices]
        self.at += MINUTE
        return next((one.state for one in self.going_on.values()), "ok")

    def minutes(self, outcome, count: int) -> str:
        for _ in range(count):
            state = self.minute(outcome)
        return state

    def events(self) -> list[str]:
        return [notice.event for _, notice in self.heard]


# States


def test_it_opens_once_it_has_held_for_long_enough_and_not_before():
    life = Life(rule_of(for_s=120))
    assert life.minute(True) == PENDING
    assert life.minute(True) == PENDING
    assert life.minute(True) == OPEN
    assert life.events() == ["opened"]


@pytest.mark.parametrize("minutes", [1, 2])
def test_what_holds_for_less_is_never_told(minutes):
    life = Life(rule_of(for_s=120))
    life.minutes(True, minutes)
    assert life.minutes(False, 30) == "ok"
    assert life.events() == []
    assert not life.past


def test_how_long_it_must_hold_may_be_set():
    life = Life(rule_of(for_s=120))
    life.timing = Timing({"fault_word": 600})
    assert life.minutes(True, 10) == PENDING
    assert life.minute(True) == OPEN


def test_the_time_counts_from_when_it_was_measured_not_from_when_it_was_seen():
    life = Life(rule_of(for_s=600))
    assert life.minute([Finding(since=NOON - 10 * MINUTE)]) == OPEN
    assert life.going_on["home", "fault_word", ""].since == NOON - 10 * MINUTE


def test_late_readings_may_say_that_it_began_later_and_so_cancel_it():
    life = Life(rule_of(for_s=600))
    assert life.minute([Finding(since=NOON - 9 * MINUTE)]) == PENDING
    assert life.minute([Finding(since=NOON)]) == PENDING
    assert life.minute(False) == "ok"
    assert life.events() == []


def test_it_closes_once_it_has_been_well_for_long_enough_with_the_time_at_which_it_was_well():
    life = Life(rule_of(for_s=0, clear_s=300))
    life.minute(True)
    well = life.at
    assert life.minutes(False, 5) == CLEARING
    assert life.minute(False) == "ok"
    (over,) = life.past
    assert over.closed_at == well
    assert life.events() == ["opened", "resolved"]


def test_what_cannot_be_told_neither_opens_nor_closes():
    life = Life(rule_of(for_s=120, clear_s=120))
    life.minute(True)
    assert life.minutes(None, 60) == PENDING
    assert life.minute(True) == PENDING, "nobody knows that it held meanwhile"
    assert life.minutes(True, 2) == OPEN
    assert life.minutes(None, 600) == OPEN
    life.minute(False)
    assert life.minutes(None, 60) == CLEARING
    assert life.events().count("resolved") == 0


@pytest.mark.parametrize("keys", [("13066", "13054"), ("backup", "doctor")])
def test_each_key_is_an_episode_of_its_own(keys):
    life = Life(rule_of(for_s=0, clear_s=0))
    life.minute([Finding(key=key) for key in keys])
    assert {one.key for one in life.going_on.values()} == set(keys)
    life.minute([Finding(key=keys[0])])
    assert [one.key for one in life.past] == [keys[1]]


def test_an_info_becomes_a_warning_when_it_has_come_often():
    life = Life(rule_of(INFO, 0, 0, again=Again(3, 86_400)))
    for _ in range(3):
        life.minute(True)
        life.minutes(False, 90)
    assert [one.severity for one in life.past] == [INFO, INFO, WARNING]
    assert life.events() == ["opened", "resolved"]


def test_what_is_counted_by_days_needs_other_days():
    life = Life(rule_of(INFO, 0, 0, again=Again(3, 7 * 86_400, by_days=True)))
    for _ in range(4):
        life.minute(True)
        life.minutes(False, 90)
    assert {one.severity for one in life.past} == {INFO}
    for _ in range(2):
        life.at += timedelta(days=1)
        life.minute(True)
        life.minutes(False, 90)
    assert life.past[-1].severity == WARNING


# Fatigue


@pytest.mark.parametrize("rule", [*rules.OF_SERVER, *rules.OF_HOUSE], ids=lambda rule: rule.name)
def test_what_flaps_thirty_times_an_hour_is_at_most_two_messages(rule):
    life = Life(rule._replace(for_s=0, is_event=False))
    life.rule = rule._replace(for_s=0, name="fault_word")
    for _ in range(30):
        life.minute([Finding(severity=WARNING)])
        life.minute(False)
    assert len(life.heard) <= 2


def test_what_opens_more_than_three_times_an_hour_comes_and_goes_and_then_is_quiet():
    life = Life(rule_of(for_s=0, clear_s=240))
    for _ in range(8):
        life.minutes(True, 2)
        life.minutes(False, 6)
    assert life.events() == ["opened", "resolved"] * 3 + ["opened"]
    assert life.heard[-1][1].episodes[0].is_flapping
    assert life.minutes(False, 50) == CLEARING
    assert life.minutes(False, 11) == "ok", "an hour of quiet"
    assert life.events()[-1] == "resolved"
    assert life.past[-1].detail["returns"] == 4


def test_a_critical_one_is_told_again_after_one_hour_and_six_and_each_morning():
    life = Life(rule_of(CRITICAL, 0))
    life.minutes(True, 3 * 24 * 60)
    times = [at.astimezone(AMSTERDAM).strftime("%d %H:%M") for at, _ in life.heard]
    assert times == ["05 12:00", "05 13:00", "05 18:00", "06 08:00", "07 08:00", "08 08:00"]
    assert life.events() == ["opened", *["repeated"] * 5]
    assert [notice.n for _, notice in life.heard] == [0, 1, 2, 3, 4, 5]


def test_a_warning_is_told_once_and_then_in_the_digest():
    life = Life(rule_of(WARNING, 0))
    life.minutes(True, 24 * 60)
    assert life.events() == ["opened"]
    at = notices.digest_at(life.at, CALENDAR)
    assert at.astimezone(AMSTERDAM).time() == time(8)
    assert len(notices.digest(life.going_on.values(), at)) == 1


def test_what_is_well_again_for_now_is_not_told_again():
    life = Life(rule_of(CRITICAL, 0, 1200))
    life.minutes(True, 50)
    life.minutes(False, 15)  # an hour is over meanwhile
    assert life.events() == ["opened"]
    life.minutes(True, 1)
    assert life.events() == ["opened", "repeated"], "it goes on after all"


def test_nor_told_first_nor_listed():
    begin = datetime.fromisoformat("2026-06-10 23:30").replace(tzinfo=AMSTERDAM).astimezone(UTC)
    life = Life(rule_of(WARNING, 0, 1200), begin)
    life.minutes(True, 7 * 60 + 25)
    life.minutes(False, 40)  # from 6:55 on
    assert life.heard == []
    at = CALENDAR.at(CALENDAR.day(life.at), notices.DIGEST_AT)
    assert len(notices.digest(life.past, at)) == 1, "what was over by the morning is a line"
    day = Life(rule_of(WARNING, 0, 1200))
    day.minutes(True, 19 * 60 + 50)
    day.minutes(False, 15)
    assert day.events() == ["opened"]
    at = notices.digest_at(day.at, CALENDAR)
    assert not notices.digest(day.going_on.values(), at)


def test_what_gets_worse_is_told_at_once():
    life = Life(rule_of(WARNING, 0))
    life.minute([Finding(severity=WARNING)])
    life.minute([Finding(severity=CRITICAL)])
    assert life.events() == ["opened", "repeated"]


def test_that_the_sun_rose_over_a_silent_house_is_nothing_new():
    life = Life(rule_of(WARNING, 0)._replace(name="no_data"))
    life.minute([Finding(severity=WARNING)])
    life.minutes([Finding(severity=CRITICAL)], 58)
    assert life.events() == ["opened"]
    life.minutes([Finding(severity=CRITICAL)], 3)
    assert life.events() == ["opened", "repeated"], "after an hour, as what is critical is"


def test_more_of_it_is_news():
    life = Life(rule_of(CRITICAL, 0))
    for amount in (3, 3, 5, 5, 4):
        life.minute([Finding(amount=amount)])
    assert life.events() == ["opened", "repeated"]


def test_more_of_it_is_news_also_while_what_was_told_leaves_the_last_day():
    life = Life(rule_of(CRITICAL, 0, 3600))
    for amount in (10, 10, 2, 2, 5, 5, 5):
        life.minute([Finding(amount=amount)])
    assert life.events() == ["opened", "repeated"]
    life.minute([])
    life.minute([Finding(amount=1)])
    assert life.events() == ["opened", "repeated", "repeated"], "all was well in between"


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24", "2026-06-10"])  # DST, DST, none
def test_the_night_holds_a_warning_until_seven_by_the_clock_on_the_wall(day):
    begin = datetime.fromisoformat(f"{day} 23:30").replace(tzinfo=AMSTERDAM).astimezone(UTC)
    life = Life(rule_of(WARNING, 0), begin)
    life.minutes(True, 10 * 60)
    ((at, notice),) = life.heard
    assert at.astimezone(AMSTERDAM).strftime("%H:%M") == "07:00"
    assert notice.event == "opened"


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
def test_a_critical_one_breaks_into_the_night(day):
    begin = datetime.fromisoformat(f"{day} 23:30").replace(tzinfo=AMSTERDAM).astimezone(UTC)
    life = Life(rule_of(CRITICAL, 0), begin)
    life.minute(True)
    assert [at for at, _ in life.heard] == [begin]


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24", "2026-06-10"])
def test_what_began_and_ended_in_the_night_is_one_line_of_the_digest(day):
    begin = datetime.fromisoformat(f"{day} 23:30").replace(tzinfo=AMSTERDAM).astimezone(UTC)
    life = Life(rule_of(WARNING, 0, 300), begin)
    life.minutes(True, 60)
    life.minutes(False, 10 * 60)
    assert life.heard == []
    at = notices.digest_at(life.at, CALENDAR)
    listed = notices.digest(life.past, at)
    assert [one.instance for one in listed] == [one.instance for one in life.past]
    assert not notices.digest(listed, at + timedelta(days=1))


def test_what_no_digest_listed_while_nobody_was_there_is_in_the_next_one():
    life = Life(rule_of(WARNING, 0, 300), utc("2026-06-10 23:30"))
    life.minutes(True, 10)
    life.minutes(False, 10)
    at = CALENDAR.at(CALENDAR.day(life.at + timedelta(days=3)), notices.DIGEST_AT)
    assert len(notices.digest(life.past, at)) == 1
    assert not notices.digest(life.past, at + timedelta(days=7))
    info = Life(rule_of(INFO, 0, 300), utc("2026-06-10 10:00"))
    info.minutes(True, 10)
    (listed,) = notices.digest(info.going_on.values(), at)
    assert not notices.digest([listed], at + timedelta(days=1))


def test_the_end_of_what_was_told_by_day_waits_for_the_end_of_the_night():
    begin = datetime.fromisoformat("2026-06-10 21:30").replace(tzinfo=AMSTERDAM).astimezone(UTC)
    life = Life(rule_of(WARNING, 0, 300), begin)
    life.minutes(True, 60)
    life.minutes(False, 30)
    assert life.events() == ["opened", "resolved"]
    assert life.heard[1][1].not_before.astimezone(AMSTERDAM).strftime("%d %H:%M") == "11 07:00"


def test_equal_ends_are_no_quiet_hours():
    begin = utc("2026-06-10 23:30")
    for quiet in (None, (time(7), time(7))):
        life = Life(rule_of(WARNING, 0), begin, Calendar(AMSTERDAM, quiet))
        life.minute(True)
        assert life.events() == ["opened"]


@pytest.mark.parametrize(
    ("device", "rule"), [(None, None), ("home", None), (None, "fault_word"), ("home", "fault_word")]
)
def test_a_silence_keeps_quiet_and_what_goes_on_is_told_at_its_end(device, rule):
    silence = Silence(device, rule, NOON, NOON + 60 * MINUTE)
    life = Life(rule_of(CRITICAL, 0), silences=[silence])
    life.minutes(True, 60)
    assert life.events() == []
    life.minute(True)
    assert life.events() == ["opened"]


@pytest.mark.parametrize(("device", "rule"), [("other", None), (None, "no_data")])
def test_a_silence_of_something_else_keeps_nothing_quiet(device, rule):
    life = Life(rule_of(CRITICAL, 0), silences=[Silence(device, rule, NOON, NOON + 60 * MINUTE)])
    life.minute(True)
    assert life.events() == ["opened"]


def test_what_was_over_within_a_silence_is_told_to_nobody():
    silence = Silence("home", None, NOON, NOON + 60 * MINUTE)
    life = Life(rule_of(CRITICAL, 0, 60), silences=[silence])
    life.minutes(True, 20)
    life.minutes(False, 60)
    assert life.events() == []
    assert not notices.digest(life.past, notices.digest_at(NOON + timedelta(days=1), CALENDAR))


# Messages


def test_people_get_one_message_a_house_and_a_webhook_one_an_episode():
    life = Life(rule_of(CRITICAL, 0))
    life.minute([Finding(key="13066"), Finding(key="13054")])
    ((at, notice),) = life.heard
    options = Options((Channel("ntfy"), Channel("mail"), Channel("webhook", WEBHOOK)))
    writer = Writer("en", {"home": "home"}, {"home": AMSTERDAM}, {})
    found = list(rows_of(notice, options, writer, Known(), at))
    assert [row.channel for row in found] == ["ntfy", "mail", "webhook", "webhook"]
    assert [len(row.body["alert_ids"]) for row in found] == [2, 2, 1, 1]
    assert len({row.id for row in found}) == 4
    assert found == list(rows_of(notice, options, writer, Known(), at)), "the same ids again"


def test_an_end_is_told_only_where_the_beginning_was():
    life = Life(rule_of(CRITICAL, 0, 0))
    life.minute(True)
    instance, episode = life.going_on.popitem()
    life.going_on[instance] = episode.noted(channels=["mail"])
    life.minute(False)
    at, notice = life.heard[-1]
    writer = Writer("en", {"home": "home"}, {"home": AMSTERDAM}, {})
    options = Options((Channel("ntfy"), Channel("mail")))
    found = list(rows_of(notice, options, writer, Known(), at))
    assert [(row.channel, row.event) for row in found] == [("mail", "resolved")]


def test_one_reading_a_minute_proves_no_minute():
    life = Life(rule_of(for_s=60))
    life.at += MINUTE
    assert life.minute([Finding(since=NOON, proven=NOON)]) == PENDING
    assert life.minute([Finding(since=NOON, proven=NOON + MINUTE)]) == OPEN
