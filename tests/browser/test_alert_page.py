"""What the System view says of alerts, in four languages, and that it says nothing without them."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from server import sandbox
from server.alerts.names import RULES
from tests.browser.browser import PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.test_shape import violations
from tests.support.readings import connected, rows

HEADS = {
    "en": ("Alerts", "Alerts in the last 30 days", "How you are told", "Silenced", "End"),
    "nl": ("Meldingen", "Meldingen in de laatste 30 dagen", "Hoe je bericht krijgt", "Gedempt"),
    "de": ("Meldungen", "Meldungen der letzten 30 Tage", "Wie Sie es erfahren", "Stumm"),
    "fr": (
        "Alertes",
        "Alertes des 30 derniers jours",
        "Comment vous \xeates pr\xe9venu",
        "En sourdine",
    ),
}


@pytest.fixture(scope="module")
def told_home(databases, https_server) -> Site:
    """A house with alerts: two are open, two are over, a channel refuses, and a silence."""
    url = databases.migrated()
    site = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    site.send()
    now = datetime.now(UTC)
    episodes = [
        ("no_data", "critical", 9 * 24, 8 * 24, "house: no data", None),
        ("batt_hot", "warning", 20 * 24, 20 * 24 - 3, "house: battery hot", None),
        (
            "fault_word",
            "critical",
            2,
            None,
            "house: fault 714",
            "Noon.\nCall an <b>expert</b>",
        ),
        ("backlog", "warning", 1, None, "house: readings wait", "Look at the line."),
    ]
    with connected(url) as connection:
        for rule, severity, begin_h, end_h, title, text in episodes:
            since = now - timedelta(hours=begin_h)
            closed = None if end_h is None else now - timedelta(hours=end_h)
            detail = json.dumps({"title": title, "text": text, "values": {}})
            state = "open" if closed is None else "closed"
            rows(
                connection,
                "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
                " last_true_at, closed_at, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                *(DEVICE, rule, severity, state, since, since, since, closed, detail),
            )
        rows(connection, "INSERT INTO sungrow_alert_run VALUES (true, now(), '{ntfy,mail}')")
        for channel, column in (("ntfy", "delivered_at"), ("mail", "refused_at")):
            rows(
                connection,
                f"INSERT INTO sungrow_alert_outbox (channel, event, n, body, {column})"  # noqa: S608
                " VALUES (%s, 'digest', 0, '{}', now())",
                channel,
            )
        for why in ("new roof", "later"):
            rows(
                connection,
                "INSERT INTO sungrow_silences (device_id, to_ts, why)"
                " VALUES (%s, now() + interval '1 h', %s)",
                *(DEVICE, why),
            )
    return site


def opened(page, home):
    page.log_in(home.url + "/?view=system", ONE)
    page.wait(lambda: page.all(".alerts .lane"), "there is nothing of alerts", 40)


def test_it_shows_what_is_open_the_month_the_channels_and_silences(page, told_home):
    opened(page, told_home)
    text = page.text(".alerts")
    for head in HEADS["en"]:
        assert head in text
    items = [item.text for item in page.all(".open-alerts li")]
    assert len(items) == 2
    assert "house: readings wait" in items[0]
    assert "Noon.\nCall an <b>expert</b>" in items[1], "text is text"
    lanes = [lane.text.split("\n")[0] for lane in page.all(".lane-name")]
    assert sorted(lanes) == ["Backlog", "Battery hot", "Fault", "No data"]
    counts = {name: len(page.all(f".lane-{name}")) for name in ("critical", "warning", "unknown")}
    # Behind the day without data nothing measured is known.
    assert counts == {"critical": 2, "warning": 2, "unknown": 2}
    table = page.text("section[aria-labelledby=alert-channels]")
    assert re.search(r"ntfy works", table), "what one wants to know comes first"
    assert re.search(r"mail refuses messages", table)
    assert page.console() == []


def test_cards_are_as_far_apart_as_everywhere_and_ends_stand_below_each_other(page, told_home):
    page.resize((820, 1180))
    opened(page, told_home)
    gaps = page.run(
        "const boxes = [...document.querySelectorAll('.alerts .card')].map((n) =>"
        " n.getBoundingClientRect());"
        "return boxes.slice(1).map((box, n) => Math.round(box.top - boxes[n].bottom))"
    )
    assert set(gaps) == {18}
    ends = page.run(
        "return [...document.querySelectorAll('.silences button')].map((n) =>"
        " Math.round(n.getBoundingClientRect().right))"
    )
    assert len(ends) == 2
    assert len(set(ends)) == 1
    wide = (
        "return [...document.querySelectorAll('.alerts .scroller')].filter((n) =>"
        " n.checkVisibility() && n.scrollWidth > n.clientWidth).length"
    )
    assert page.run(wide) == 0


def test_where_the_rules_were_not_judged_it_is_not_said_that_nothing_is_wrong(page, told_home):
    ago = """
        const really = window.fetch;
        window.fetch = async (url, ...more) => {
            const answer = await really(url, ...more);
            if (!String(url).startsWith('/v1/alerts')) return answer;
            const found = await answer.json();
            const then = new Date(Date.now() - 7200e3).toISOString();
            return new Response(JSON.stringify({ ...found, alerts: [], last_run_ts: then }));
        };
    """
    with page.prepared(ago):
        page.log_in(told_home.url + "/?view=system", ONE)
        page.wait_text(".alerts .notice", "were last judged")
        assert "Nothing is wrong" not in page.text(".alerts")


def test_a_fault_that_is_told_with_what_to_do_is_not_told_as_an_alert_too(page, told_home):
    faults = """
        const really = window.fetch;
        window.fetch = async (url, ...more) => {
            const answer = await really(url, ...more);
            const part = ['alerts', 'faults'].find((one) => String(url).startsWith(`/v1/${one}`));
            if (!part) return answer;
            const found = await answer.json();
            const now = new Date().toISOString();
            for (const one of found.alerts ?? []) if (one.rule === 'fault_word') one.key = '13066';
            const fault = { word: 13066, bit: 14, value: null, code: 714, polls: 9 };
            const open = { ...fault, from_ts: now, last_ts: now, to_ts: null };
            if (part === 'faults') found.faults = [open];
            return new Response(JSON.stringify(found));
        };
    """
    with page.prepared(faults):
        opened(page, told_home)
        page.wait_text(".well", "Fault 714")
        told = [item.text for item in page.all(".well li")]
        assert "house: readings wait" in told
        assert "house: fault 714" not in told
        assert "house: fault 714" in page.text(".open-alerts")


def test_without_a_network_it_shows_what_was_open_and_does_not_blame_the_rules(page, told_home):
    kept = """
        const really = window.fetch;
        window.fetch = async (url, ...more) => {
            const answer = await really(url, ...more);
            if (!String(url).startsWith('/v1/')) return answer;
            const headers = new Headers(answer.headers);
            headers.set('X-Kept-At', new Date(Date.now() - 7200e3).toISOString());
            const found = await answer.json();
            if (found.last_run_ts) found.last_run_ts = headers.get('X-Kept-At');
            return new Response(JSON.stringify(found), { headers });
        };
    """
    with page.prepared(kept):
        opened(page, told_home)
        page.wait_text("#away", "as of")
        assert "house: readings wait" in page.text(".open-alerts")
        assert "last judged" not in page.text(".alerts")


def test_a_silence_can_be_ended(page, told_home):
    opened(page, told_home)
    page.all("section[aria-labelledby=alert-silences] button")[0].click()
    page.wait(
        lambda: len(page.all("section[aria-labelledby=alert-silences] li")) == 1,
        "it is still there",
    )
    left = told_home.ask("/v1/alerts")["silences"]
    assert [one["why"] for one in left] == ["later"]


@pytest.mark.parametrize("language", ["nl", "de", "fr"])
def test_it_speaks_the_language_of_the_page_and_cuts_off_no_word(page, told_home, language):
    page.language(f"{language}-{language.upper()}")
    page.resize(PHONE)
    opened(page, told_home)
    text = page.text(".alerts")
    for head in HEADS[language]:
        assert head in text
    cut = (
        "return [...document.querySelectorAll('.silences button, .lane-name')].filter((n) =>"
        " n.scrollWidth > n.clientWidth).map((n) => n.textContent)"
    )
    assert page.run(cut) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_for_everybody(page, told_home, scheme):
    page.resize(PHONE)
    page.colours(scheme)
    opened(page, told_home)
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert violations(page) == []


def test_without_alerts_there_is_nothing_of_them(page, databases, https_server):
    url = databases.migrated()
    home = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    home.send()
    page.log_in(home.url + "/?view=system", ONE)
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load", 40)
    assert page.all(".alerts") == []
    asked = home.server.log.read_text()
    assert "/v1/alerts" not in asked


def test_every_language_has_every_word():
    for language, heads in HEADS.items():
        text = (sandbox.ROOT / f"server/static/words.alerts.{language}.js").read_text()
        found = re.findall(r"^ +(\w+): ", text, re.MULTILINE)
        places = sorted(re.findall(r"\{\w+\}", text))
        if language == "en":
            names, known = found, places
        assert (found, places) == (names, known)
        for head in heads:
            assert head.replace("30", "{n}") in text
    shown = {name for name in names if name in RULES}
    assert set(RULES) <= shown | {"night_off"}
