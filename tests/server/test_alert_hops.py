"""Which hop is broken, by evidence, and what the recovery proves: pure, and by the database."""

import contextlib
from datetime import timedelta

import pytest

from server.alerts.evidence import Evidence, Front, House, Outside, Report
from server.alerts.hop import Return, Verdict, recovery, verdict
from tests.support.alerts import BOOT, MINUTE, OTHER_BOOT, Site, live_reading, span
from tests.support.readings import rows, utc

SITE = "Europe/Amsterdam"
NOON = utc("2026-05-05 10:00")
SITE_TOLD = "home: no data for 10 min - "
ROWS_OF = ("sungrow_samples", "sungrow_reports", "sungrow_5min", "sungrow_local_daily")
ROWS_OF += ("sungrow_seqs", "sungrow_alert_outbox", "sungrow_alerts", "sungrow_alert_run")
ROWS_OF += ("sungrow_silences", "sungrow_devices", "sungrow_fault_5min", "sungrow_parked")


def report(**told) -> Report:
    given = {"received_at": NOON - MINUTE, "slot": NOON - 10 * MINUTE, "boot": BOOT, "polled": 80}
    return Report(**given | {"clock": "synchronised"} | told)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, ("edge", "unheard")),
        ({"received_at": NOON - 5 * MINUTE}, ("edge", "unheard")),
        ({"failed": {"inverter_off": 9}}, ("inverter", "inverter_off", "inverter_off")),
        ({"failed": {"exception_11": 9}}, ("inverter", "inverter_off", "exception_11")),
        ({"failed": {"timeout": 9}}, ("dongle", "dongle", "timeout")),
        ({"failed": {"timeout": 9, "inverter_off": 2}}, ("dongle", "dongle", "timeout")),
        (
            {"failed": {"timeout": 2, "inverter_off": 9}},
            ("inverter", "inverter_off", "inverter_off"),
        ),
        ({"failed": {"locked": 9}}, ("edge", "locked", "locked")),
        ({"clock": "unknown", "waiting": 99}, ("edge", "clock")),
        ({"waiting": 99}, ("edge", "refused")),
        ({}, ("edge", "poll_loop")),
        ({"slot": NOON - 40 * MINUTE, "failed": {"timeout": 3}}, ("edge", "poll_loop")),
    ],
)
def test_the_hop_is_named_by_what_the_edge_reports(told, expected):
    seen = Evidence(NOON, House("home"), newest=NOON - 12 * MINUTE)
    seen.report = None if told is None else report(**told)
    assert verdict(seen) == Verdict(*expected)


def test_counts_of_the_grid_meter_that_come_say_that_the_line_is_up():
    seen = Evidence(NOON, House("home"), newest=NOON - 12 * MINUTE, p1_report=report())
    assert verdict(seen) == Verdict("edge", "poll_loop")


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"boot_after": BOOT, "late": 130}, "line"),
        ({"boot_after": BOOT, "late": 130, "failed": 3}, "line"),
        ({"boot_after": BOOT, "waiting": 40}, "line"),
        ({"boot_after": BOOT, "failed": 100}, "dongle"),
        ({"boot_after": BOOT, "failed": 100, "late": 7}, "dongle"),
        ({"boot_after": OTHER_BOOT}, "restart"),
        ({"boot_after": OTHER_BOOT, "states_after": frozenset({0, 0x1600})}, "power_cut"),
        ({"boot_after": OTHER_BOOT, "states_after": frozenset({0x1200})}, "power_cut"),
        ({"boot_after": OTHER_BOOT, "grid_bits_after": 1 << 8}, "power_cut"),
        ({"boot_after": OTHER_BOOT, "grid_bits_after": 1 << 7}, "restart"),
        ({"boot_after": BOOT, "states_after": frozenset({0x1600}), "failed": 9}, "dongle"),
        ({"boot_after": BOOT}, "unknown"),
        ({"boot_after": None, "late": 5}, "unknown"),
    ],
)
def test_the_recovery_says_what_the_silence_was(found, cause):
    assert recovery(Return(boot_before=BOOT, **found)).cause == cause


@pytest.fixture
def site(database):
    rows(database, f"TRUNCATE {', '.join(ROWS_OF)} CASCADE")
    with contextlib.closing(Site(database)) as site:
        yield site


def kinds(site, event: str) -> list[str]:
    return [title for kind, title in site.messages() if kind == event]


# How each hop breaks: what the edge reports of it, what arrives afterwards, and both verdicts.
BROKEN = {
    "inverter off": (
        {"failed": {"inverter_off": 40}},
        {},
        "the inverter behind the dongle is off",
        "dongle or inverter were silent",
    ),
    "dongle refuses": (
        {"failed": {"refused": 40}},
        {},
        "the dongle is silent",
        "dongle or inverter were silent",
    ),
    "dongle freezes": (
        {"failed": {"timeout": 40}},
        {},
        "the dongle is silent",
        "dongle or inverter were silent",
    ),
    "dongle shows zeros": (
        {"failed": {"no_sample": 40}},
        {},
        "the dongle is silent",
        "dongle or inverter were silent",
    ),
    "line cut": (
        None,
        {"late": True},
        "the box at home or its line is silent",
        "the line was down",
    ),
    "edge killed": (
        None,
        {"boot": OTHER_BOOT},
        "the box at home or its line is silent",
        "the box at home was off",
    ),
    "power cut": (
        None,
        {"boot": OTHER_BOOT, "running_state": 0x1600},
        "the box at home or its line is silent",
        "a power cut",
    ),
    "power cut, by the grid's bit": (
        None,
        {"boot": OTHER_BOOT, "faults": "13052=100"},
        "the box at home or its line is silent",
        "a power cut",
    ),
    "clock unknown": (
        {"clock": "unknown", "waiting": 50},
        {"late": True},
        "the box at home does not know the time",
        "the line was down",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.server
def test_each_hop_is_told_once_with_its_name_and_once_when_it_is_back(site, how):
    told, after, hop, cause = BROKEN[how]
    back = NOON + 20 * MINUTE
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.report("home", NOON - MINUTE)
    for minute in range(20):
        moment = NOON + minute * MINUTE
        if told is not None:
            site.report("home", moment, **told)
        site.run(moment)
        opened = kinds(site, "opened")
        assert len(opened) == (moment >= NOON + 9 * MINUTE), moment  # newest: a minute before noon
    assert opened == [f"{SITE_TOLD}{hop}"]
    if after.pop("late", False):
        site.arrive("home", span(NOON, back), at=back)
    boot = after.pop("boot", BOOT)
    site.arrive("home", [live_reading(back, boot=boot, **after)])
    site.arrive("home", span(back + MINUTE, back + 12 * MINUTE, boot=boot))
    for minute in range(12):
        site.report("home", back + minute * MINUTE, boot=boot)
        site.run(back + minute * MINUTE)
    assert kinds(site, "opened") == opened
    (resolved,) = kinds(site, "resolved")
    assert resolved.startswith("home: data again after ")
    assert resolved.endswith(f" - {cause}")
    text = site.outbox()[-1]["body"]["text"]
    assert ("none is lost" in text) == (cause == "the line was down")


@pytest.mark.server
def test_what_had_not_been_sent_before_a_power_cut_does_not_hide_it(site):
    back = NOON + 20 * MINUTE
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.run_through(NOON, back)
    site.arrive("home", [live_reading(NOON + timedelta(seconds=5))], at=back)
    site.arrive("home", [live_reading(back, boot=OTHER_BOOT, running_state=0x1600)])
    site.arrive("home", span(back + MINUTE, back + 12 * MINUTE, boot=OTHER_BOOT))
    site.run_through(back, back + 12 * MINUTE)
    (resolved,) = kinds(site, "resolved")
    assert resolved.endswith(" - a power cut")


@pytest.mark.server
def test_houses_that_fall_silent_together_are_one_message_about_the_line(site):
    houses = ("one", "two", "three")
    for house in houses:
        site.arrive(house, span(NOON - 30 * MINUTE, NOON))
    site.run_through(NOON - 2 * MINUTE, NOON + 15 * MINUTE)
    assert site.messages() == [
        ("opened", "Server: no house has sent anything for 10 min: the line to the server")
    ]
    back = NOON + 15 * MINUTE
    for house in houses:
        site.arrive(house, span(NOON, back), at=back)
        site.arrive(house, span(back, back + 20 * MINUTE))
    site.run_through(back, back + 20 * MINUTE)
    assert [event for event, _ in site.messages()] == ["opened", "resolved"]


@pytest.mark.server
def test_houses_whose_edges_report_are_no_silent_line(site):
    """Dongles without a battery behind them sleep in all houses at dusk."""
    for house in ("one", "two"):
        site.arrive(house, span(NOON - 30 * MINUTE, NOON))
    for minute in range(-2, 15):
        for house in ("one", "two"):
            site.report(house, NOON + minute * MINUTE, failed={"timeout": 9})
        site.run(NOON + minute * MINUTE)
    assert kinds(site, "opened") == [
        "one: no data for 10 min - the dongle is silent",
        "two: no data for 10 min - the dongle is silent",
    ]
    assert not site.episodes("line")


@pytest.mark.server
def test_a_house_that_was_away_before_proves_nothing_about_the_line(site):
    site.arrive("gone", span(NOON - 300 * MINUTE, NOON - 200 * MINUTE))
    site.arrive("home", span(NOON - 300 * MINUTE, NOON))
    site.run_through(NOON - 190 * MINUTE, NOON - 185 * MINUTE)
    site.run_through(NOON, NOON + 15 * MINUTE)
    assert [e["device_id"] for e in site.episodes("no_data")] == ["gone", "home"]
    assert not site.episodes("line")


@pytest.mark.server
def test_a_front_that_fails_is_the_only_message_until_edges_had_time_to_come_back(site):
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.run(NOON - MINUTE)
    site.seen = Outside(front=Front("tls", "its certificate is not accepted: expired"))
    site.run_through(NOON, NOON + 30 * MINUTE)
    assert site.messages() == [
        (
            "opened",
            "Server: the server cannot be reached by its name (its certificate is not accept…",
        )
    ]
    site.seen = Outside(front=Front(None))
    back = NOON + 34 * MINUTE  # an edge waits up to five minutes until it tries again
    site.run_through(NOON + 30 * MINUTE, back)
    site.arrive("home", span(NOON, back), at=back)
    site.arrive("home", span(back, back + 20 * MINUTE))
    site.run_through(back, back + 10 * MINUTE)
    assert [event for event, _ in site.messages()] == ["opened", "resolved"]


@pytest.mark.server
def test_a_front_that_cannot_be_reached_from_here_is_no_alarm_while_readings_arrive(site):
    site.seen = Outside(front=Front("connection", "no connection: timed out"))
    site.arrive("home", span(NOON - 30 * MINUTE, NOON + 20 * MINUTE))
    site.run_through(NOON, NOON + 20 * MINUTE)
    assert not site.messages()


@pytest.mark.server
def test_a_database_that_was_away_is_no_silence_of_houses(site):
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.run(NOON)
    back = NOON + 40 * MINUTE
    site.seen = Outside(database_away_since=NOON + MINUTE)
    site.run(back)
    site.seen = Outside()
    site.run_through(back + MINUTE, back + 5 * MINUTE)
    site.arrive("home", span(NOON, back + 5 * MINUTE), at=back + 5 * MINUTE)
    site.arrive("home", span(back + 5 * MINUTE, back + 20 * MINUTE))
    site.run_through(back + 5 * MINUTE, back + 20 * MINUTE)
    assert not site.messages()


@pytest.mark.server
@pytest.mark.parametrize(("outage", "count"), [(50, 0), (9 * 60, 0), (11 * 60 + 10, 1)])
def test_a_day_with_outages_has_a_message_only_for_long_ones(site, outage, count):
    end = NOON + timedelta(minutes=10 if outage < 60 else outage // 60 + 15)
    begin = NOON - 30 * MINUTE
    readings = span(begin, end, step_s=10)
    every = timedelta(minutes=10)

    def is_out(ts) -> bool:
        since = (ts - NOON) % every if outage < 60 else ts - NOON
        return timedelta() <= since < timedelta(seconds=outage)

    site.arrive("home", [one for one in readings if not is_out(one["ts"])])
    site.run_through(begin + 10 * MINUTE, end)
    assert len(kinds(site, "opened")) == count
    assert len(site.episodes()) == count


@pytest.mark.server
def test_what_the_delivery_tells_by_itself_is_not_told_again(site):
    rows(
        site.database,
        "INSERT INTO sungrow_alerts (device_id, rule, key, severity, state, since, opened_at,"
        " last_true_at) VALUES ('', 'channel', 'mail', 'warning', 'open', %s, %s, %s)",
        *(NOON, NOON, NOON),
    )
    site.arrive("home", span(NOON - 10 * MINUTE, NOON))
    site.run(NOON)
    assert site.messages() == []
    (episode,) = site.episodes("channel")
    assert episode["state"] == "open"
