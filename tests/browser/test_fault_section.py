"""Faults on the page: in the line at the top, under System, in four languages."""

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest

from server import sandbox
from server.page import FOLDER, LANGUAGES
from tests.browser import house
from tests.browser.browser import PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.test_shape import violations

CODES = sandbox.ROOT / "tests/support/fault_codes.csv"
WORDS = tuple(range(13050, 13079, 2))
LINE = "#freshness .fault"


@pytest.fixture(scope="module")
def ill(databases, https_server) -> Site:
    """A house that had a fault an hour ago, and has two now."""
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE)
    made = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for second in range(0, 1200, 5):
        faults = "13052=100" if second < 60 else ""
        made.send(ts=start + timedelta(seconds=second), faults=faults)
    return made


def texts(language: str) -> str:
    return (FOLDER / f"words.faults.{language}.js").read_text(encoding="utf-8")


def asked(page) -> list[str]:
    return [request["url"] for request in page.requests()]


def entries(language: str) -> dict[str, tuple[str, str]]:
    """Return text and name of the advice, by code or state."""
    found = re.findall(r"^  (\w+): \['([^']+)', '(\w+)'\],$", texts(language), re.MULTILINE)
    return {code: (text, advice) for code, text, advice in found}


def plain(language: str) -> dict[str, str]:
    """Return advice and words by their names."""
    return dict(re.findall(r"^  (\w+):\s+'([^']+)',$", texts(language), re.MULTILINE))


def test_each_bit_that_the_document_knows_has_its_text_and_what_to_do_in_each_language():
    with CODES.open(encoding="utf-8", newline="") as file:
        known = {row["app_code"]: row["text"] for row in csv.DictReader(file) if row["app_code"]}
    known = {code: text for code, text in known.items() if code.isdecimal()}
    english = entries("en")
    assert len(known) == 208
    for language in LANGUAGES:
        told, named = entries(language), plain(language)
        assert (
            told.keys() == english.keys() == known.keys() | {"0x5500", "0x9100", "0x2500", "0x1700"}
        )
        assert {advice for _, advice in told.values()} <= named.keys()
        assert named.keys() == plain("en").keys()
        assert {c: advice for c, (_, advice) in told.items()} == {
            c: advice for c, (_, advice) in english.items()
        }
        places = {name: set(re.findall(r"\{\w+\}", text)) for name, text in named.items()}
        assert places == {n: set(re.findall(r"\{\w+\}", t)) for n, t in plain("en").items()}
        if language != "en":
            same = [c for c in told if told[c][0] == english[c][0] and len(told[c][0]) > 12]
            assert same == [], language
    for code, text in known.items():
        if code != "323":  # whose row explains itself
            assert english[code][0] == text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")


def test_all_480_bits_are_found_in_a_reading_and_have_their_codes(called):
    readings = [[{"faults": f"{word}={1 << bit:X}"}] for word in WORDS for bit in range(32)]
    found = [one for [one] in called("faults", "faultsOf", readings)]
    assert [(one["word"], one["bit"]) for one in found] == [
        (w, b) for w in WORDS for b in range(32)
    ]
    assert len({one["code"] for one in found}) == 480
    with CODES.open(encoding="utf-8", newline="") as file:
        known = {
            (int(row["register_doc_address"]), int(row["bit_or_code"][3:])): int(row["app_code"])
            for row in csv.DictReader(file)
            if re.fullmatch(r"bit\d+", row["bit_or_code"])
        }
    codes = {(one["word"], one["bit"]): one["code"] for one in found}
    assert {key: codes[key] for key in known} == known


def test_several_bits_come_by_their_gravity_and_a_state_without_one_by_itself(called):
    asked = [
        [{"faults": "13050=40000000 13052=100 13060=2 13066=? +", "running_state": 0x5500}],
        [{"faults": "", "running_state": 0x5500}],
        [{"faults": None, "running_state": 0x0100}],
        [{"faults": "13066=80000001", "running_state": 0}],
        [{"faults": "13999=1", "running_state": 0}],
    ]
    found = called("faults", "faultsOf", asked)
    assert [[one["code"] for one in of] for of in found] == [
        [402, 10, 514], [None], [None], [700, 731], [None],
    ]  # fmt: skip
    assert [of[0]["value"] for of in found[1:3]] == [0x5500, 0x5500]


def test_the_line_at_the_top_tells_of_an_open_fault_and_leads_to_system(page, ill):
    ill.send(faults="13050=40000000 13066=4000")
    page.log_in(ill.url + "/", ONE)
    page.wait_text(LINE, "Fault 714: No communication between inverter and BMS (and 1 more)")
    assert violations(page) == []
    page.click(LINE)
    page.wait_text("#faults + *", "714")
    rows = [row.text.replace("\n", " ") for row in page.all("#faults + * tbody tr")]
    assert [row.split()[0] for row in rows] == ["514", "714", "10"]
    assert "Check the CAN cable" in rows[1]
    assert "now" in rows[1]
    assert "55 s" in rows[2].replace("\N{NO-BREAK SPACE}", " ")
    page.wait_text(".well", "Warning 514: Meter does not answer. Check RS485 wires")
    assert "Fault 714" in page.text(".well")
    assert "Fault 10" not in page.text(".well")
    assert page.console() == []


@pytest.mark.parametrize(
    ("language", "says"),
    [("de", "Fehler 714: Keine Verbindung"), ("nl", "Storing 714: Geen"), ("fr", "Défaut 714 :")],
)
def test_on_a_phone_in_each_language(page, ill, language, says):
    page.resize(PHONE)
    page.language(language)
    try:
        ill.send(faults="13050=40000000 13066=4000")
        page.log_in(ill.url + "/?view=system", ONE)
        page.wait_text("#faults + *", "714")
        page.wait_text(LINE, says)
        tops = page.run(
            "return ['.fault', '.dot', '.brief'].map((name) => document.querySelector("
            "`#freshness ${name}`).getBoundingClientRect()).map((box) => box.top + box.height / 2)"
        )
        assert tops[0] < tops[1] - 10, "the dot is the readings', not the fault's"
        assert tops[1] == pytest.approx(tops[2], abs=5)
        assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
        right = "return document.querySelector('#faults + * tbody p').getBoundingClientRect().right"
        assert page.run(right) < PHONE[0], "what to do is cut off"
        assert violations(page) == []
        loaded = {url.rsplit("/", 1)[1] for url in asked(page) if "words." in url}
        assert {name for name in loaded if "faults" in name} == {f"words.faults.{language}.js"}
    finally:
        page.language("en-GB")


@pytest.mark.parametrize("size", [(820, 1180), (1440, 900)], ids=["tablet", "desktop"])
def test_what_to_do_is_not_cut_off_nor_the_line_at_the_top(page, ill, size):
    page.resize(size)
    ill.send(faults="13050=40000000 13066=4000")
    page.log_in(ill.url + "/?view=system", ONE)
    page.wait_text("#faults + *", "714")
    page.wait_text(LINE, "Fault 714")
    box = "const n = document.querySelector('#faults + * .scroller');"
    assert page.run(f"{box} return n.scrollWidth - n.clientWidth") == 0
    assert page.run(f"return document.querySelector('{LINE}').getBoundingClientRect().top") >= 4


def test_a_sound_house_loads_nothing_of_it(home, site):
    home.open(site.url + "/")
    home.wait_text("#freshness", "last reading")
    home.open(site.url + "/?view=system")
    home.wait_text("#faults + *", "reported no fault so far")
    assert not [url for url in asked(home) if "faults" in url and "/static/" in url]
    assert home.all(f"{LINE}:not([hidden])") == []
