"""The messages: the same in four languages, readable on a lock screen, and never without a text."""

import importlib
import re
import string
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from server import sandbox
from server.alerts import names, own_texts, rules, sun
from server.alerts.hop import Recovery
from server.alerts.rules import hops
from server.alerts.states import OPEN, SERVER, Episode
from server.alerts.texts import LONGEST_TITLE, Fault, Told, Writer
from tests.support.readings import utc

NOON = utc("2026-05-05 10:00")
LANGUAGES = ("en", "nl", "de", "fr")
TABLES = ("TITLE", "DETAIL", "TODO", "RECOVERY", "RECOVERED", "WORDS")
CAUSES = ("unheard", "inverter_off", "dongle", "clock", "refused", "poll_loop", "locked")
FAULT = Fault(13066, 14, 714, "BMS communication", "Restart the battery")
FULL = {
    "reason": "timeout",
    "houses": 3,
    "volts": 252.4,
    "hz": 50.4,
    "watts": 3,
    "limit": 40.5,
    "kwh": 1.2,
    "best": 24.5,
    "day": "2026-01-05",
    "soc": 55.0,
    "points": 12.5,
    "celsius": 46.5,
    "soh": 92.0,
    "held": 88.5,
    "before": 95.0,
    "counter": "battery_discharge",
    "total": 1234.5,
    "fields": 9,
    "waiting": 1234,
    "oldest": NOON.isoformat(),
    "used": 91.0,
    "free_mb": 12.0,
    "memory": 3,
    "thinned": 0,
    "restarts": 4,
    "version": "0.0.9",
    "minimum": "0.1.0",
    "count": 12,
    "days": 3,
    "free_gb": 4.2,
    "pct": 3,
    "string": 2,
    "usual": 1400,
    "last": NOON.isoformat(),
    "result": "failed",
    "throttled": False,
    "cause": "unheard",
    "state": 0x5500,
}


def writer(language: str, name: str = "home") -> Writer:
    zones = {"home": ZoneInfo("Europe/Amsterdam"), SERVER: ZoneInfo("Europe/Amsterdam")}
    return Writer(language, {"home": name}, zones, {"no_data": 600})


def episode(rule: str, key: str = "", device="home", **values) -> Episode:
    known = Episode(device, rule, key, "warning", OPEN, NOON, NOON, NOON)
    return known.noted(values={**FULL, **values})


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_each_language_says_the_same_things_with_the_same_values(language, table):
    english = getattr(importlib.import_module("server.alerts.texts.en"), table)
    other = getattr(importlib.import_module(f"server.alerts.texts.{language}"), table)
    assert list(other) == list(english)
    assert {key: fields(text) for key, text in other.items()} == {
        key: fields(text) for key, text in english.items()
    }


EVERY = [*rules.OF_SERVER, *rules.OF_HOUSE]


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_rule_has_a_message_that_says_what_to_do(language, rule):
    device = SERVER if rule in rules.OF_SERVER else "home"
    key = {"batt_blocked": "charge"}.get(rule.name, "")
    faults = [FAULT] if rule.name in ("fault_word", "alarm_word", "grid_trip") else []
    told = writer(language).opened(
        episode(rule.name, key, device), NOON + timedelta(minutes=12), faults
    )
    assert len(told.title) <= LONGEST_TITLE
    assert "?" not in told.title.replace("(sneeuw?)", "")
    assert told.title.partition(": ")[2] != rule.name
    assert "2026-05-05 12:00 CEST" in told.text
    assert len(told.text.splitlines()) >= 2, "since when, and what to do"
    assert "{" not in told.title + told.text
    assert "…" not in told.title


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("parked", "count"),
        ("conflict", "count"),
        ("lost", "count"),
        ("cert", "days"),
        ("backlog", "waiting"),
    ],
)
def test_one_is_not_spoken_of_as_many(language, rule, name):
    others = dict.fromkeys(("count", "days", "waiting"), 7)
    told = {n: writer(language).opened(episode(rule, **others | {name: n}), NOON) for n in (1, 7)}
    assert re.search(r"\b7\b", told[7].title)
    assert not re.search(r"\b[17]\b", told[1].title)
    assert len(told[1].text.splitlines()) == len(told[7].text.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_more_and_one_return_are_not_many(language):
    assert "3" in own_texts.text(language, "more", n=3)
    assert "1" not in own_texts.text(language, "more", n=1)
    over = episode("no_data").noted(returns=1)
    over = over._replace(closed_at=NOON + timedelta(hours=1))
    recovery = Recovery("line", 1, 1, 1)
    told = writer(language).resolved(over, recovery=recovery)
    assert not re.search(r"\b1 (?!h)", told.text.partition("\n")[2])


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_message_says_to_run_is_there(language):
    texts = importlib.import_module(f"server.alerts.texts.{language}")
    said = " ".join([*texts.TODO.values(), *own_texts._TEXTS[language].values()])
    units = re.findall(r"systemctl \w+ ([\w-]+)", said)
    ours = {name.stem for name in (sandbox.ROOT / "systemd").glob("*.service")}
    assert set(units) <= ours | {"postgresql"}
    assert "sungrow-server-backup" in units
    programs = set(re.findall(r"(?<![\w-])(sungrow-\w+)(?= [a-z])", said))
    assert programs == {"sungrow-edge", "sungrow-server"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("result", "by_hand", "unit"),
    [("failed", False, True), ("failed", True, False), ("late", False, True)],
)
def test_a_backup_by_hand_sends_nobody_to_the_unit(language, result, by_hand, unit):
    told = writer(language).opened(episode("backup", result=result, by_hand=by_hand), NOON)
    assert ("systemctl status sungrow-server-backup" in told.text) is unit
    assert told.text.endswith("sungrow-server backup.") is not unit


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_hop_fits_a_lock_screen(language, cause):
    told = writer(language, "A house with quite a long name").opened(
        episode("no_data", cause=cause), NOON + timedelta(hours=23, minutes=59)
    )
    assert len(told.title) <= LONGEST_TITLE
    assert told.title.startswith("A house wit")
    assert not told.title.endswith("…")


@pytest.mark.parametrize("cause", ["line", "restart", "power_cut", "dongle", "unknown"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_recovery_says_what_it_was(language, cause):
    over = episode("no_data")._replace(closed_at=NOON + timedelta(minutes=72), state="closed")
    told = writer(language).resolved(over, (), Recovery(cause, 1234, 0, 3))
    assert len(told.title) <= LONGEST_TITLE
    assert "1234" in told.text
    assert "12:00 CEST" in told.text
    assert "13:12 CEST" in told.text


def test_a_fault_is_told_with_its_code_what_it_means_and_what_to_do():
    told = writer("en").opened(episode("fault_word", "13066"), NOON, [FAULT])
    assert told.title == "home: fault 714 - BMS communication"
    assert "714 - BMS communication: Restart the battery" in told.text


@pytest.mark.parametrize(
    ("language", "said", "advice"),
    [
        ("de", "Störung 714 - Keine Verbindung zwischen", "CAN-Kabel"),
        ("nl", "storing 714 - Geen", "CAN"),
        ("fr", "panne 714 - Pas de communication", "CAN"),
    ],
)
def test_a_fault_is_told_in_the_language_of_the_owner(language, said, advice):
    about = episode("fault_word", "13066")
    for told in (
        writer(language).opened(about, NOON, [FAULT]),
        writer(language).again(about, NOON, [FAULT]),
        writer(language).resolved(about, [FAULT]),
    ):
        assert said in told.title
    told = writer(language).opened(about, NOON, [FAULT])
    assert advice in told.text
    assert FAULT.text not in told.text
    assert FAULT.advice not in told.text
    assert said in writer(language).line(about, NOON, [FAULT])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_that_nobody_knows_has_an_advice_too(language):
    unknown = Fault(13066, 31, 731, None, None)
    told = writer(language).opened(episode("fault_word", "13066"), NOON, [unknown])
    line = told.text.splitlines()[1]
    assert "731" in line
    assert ": " in line


@pytest.mark.parametrize("state", [0x5500, 0x0100])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_state_that_names_a_fault_by_itself_is_told_in_words(language, state):
    about = episode("fault_word", "13000").noted(values={"word": 13000, "state": state})
    bare = Fault(
        13000, None, None, "Stopped by a fault that the dongle does not name", "See the app"
    )
    told = writer(language).opened(about, NOON, [bare])
    assert (bare.text in told.title) == (language == "en")
    names = {"en": "Stopped", "nl": "Gestopt", "de": "Angehalten", "fr": "Arrêté"}
    assert told.title.startswith(f"home: {names[language]} ")
    unnamed = writer(language).opened(about.noted(values={"word": 13000, "state": 0x1500}), NOON)
    assert unnamed.title.endswith(" 1500")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(13066, 31, 731, None, None), "code 731 (unknown to this version)"),
        (Fault(13999, 3, None, None, None), "bit 3 of word 13999"),
    ],
)
def test_a_bit_that_nobody_knows_is_told_all_the_same(fault, said):
    assert writer("en").opened(episode("fault_word"), NOON, [fault]).title == f"home: fault {said}"


def test_a_name_is_one_line_whatever_it_holds():
    told = writer("en", "my\nhouse\r\nBcc: x").opened(episode("off_grid"), NOON)
    assert told.title == "my house Bcc: x: runs on the battery, cut off from the grid"


def test_several_in_one_message_have_the_first_in_the_title():
    told = writer("en").and_more([Told("a" * 80, "1"), Told("b", "2"), Told("c", "3")])
    assert len(told.title) <= LONGEST_TITLE
    assert told.title.endswith("… (and 2 more)")
    assert told.text == "1\n\nb\n2\n\nc\n3"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((5, "5 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (5400, "1 h 30 min")),
        *((86_400, "1 d"), (90_000, "1 d 1 h"), (8_640_000, "100 d")),
    ],
)
def test_time_spans_are_short(seconds, said):
    assert writer("en").duration(seconds) == said


def test_every_rule_can_be_named_in_the_settings():
    assert set(rules.NAMES) <= set(names.RULES)
    assert len({rule.name for rule in EVERY}) == len(EVERY)
    assert hops.NO_DATA.for_s == 600


# Where the sun is: positions by pvlib's SPA are in strings.md; here noon, night and the poles.
@pytest.mark.parametrize(
    ("at", "place", "degrees"),
    [
        ("2026-06-21 11:42", (52.37, 4.9), 61.06),  # 90 - latitude + 23.44
        ("2026-12-21 11:38", (52.37, 4.9), 14.25),
        ("2026-03-20 12:07", (0.0, 0.0), 89.9),
        ("2026-06-21 01:57", (-34.0, 151.2), 32.58),
    ],
)
def test_the_sun_is_where_it_is_at_noon(at, place, degrees):
    assert sun.elevation(utc(at), sun.Place(*place)) == pytest.approx(degrees, abs=0.2)


@pytest.mark.parametrize(
    ("at", "place", "is_night"),
    [
        ("2026-06-21 23:00", (52.37, 4.9), True),
        ("2026-06-21 23:00", (70.0, 25.0), False),  # the midnight sun
        ("2026-12-21 11:00", (70.0, 25.0), True),  # the polar night
        ("2026-12-21 23:00", (-77.8, 166.7), False),
        ("2026-12-21 11:00", (52.37, 4.9), False),
    ],
)
def test_day_and_night_also_at_the_poles(at, place, is_night):
    assert sun.is_night(utc(at), sun.Place(*place)) is is_night


@pytest.mark.parametrize(
    ("zone", "place"),
    [
        ("Europe/Amsterdam", (52.367, 4.9)),
        ("America/New_York", (40.714, -74.006)),
        ("Australia/Sydney", (-33.867, 151.217)),
        ("UTC", None),
        ("Etc/GMT+5", None),
    ],
)
def test_a_place_is_that_of_its_zone(zone, place):
    found = sun.place_of(zone)
    assert (found and tuple(found)) == (place and pytest.approx(place, abs=0.01))
