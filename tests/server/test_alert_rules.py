"""Each rule on both sides of its limit: pure, over evidence made by hand.

Those that readings alone decide are also lived through by ``tests/year_alerts.py``.
"""

from datetime import timedelta

import pytest

from server.alerts import rules
from server.alerts.evidence import Evidence, Front, House, Report, Roof, Server, Sunset, slot_of
from server.alerts.hours import Hours, Minute, Quarter
from server.alerts.judge import judge
from server.alerts.rules.rule import CRITICAL, INFO, WARNING
from server.alerts.states import SERVER, Episode
from tests.support.readings import utc

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOON = utc("2026-05-05 10:00")  # in Berlin the sun is at 50 degrees
HOME = House("home", timezone="Europe/Berlin", nominal_w=10_000, capacity_kwh=10)
EVERY = {rule.name: rule for rule in (*rules.OF_SERVER, *rules.OF_HOUSE)}


def minute(start, **told) -> Minute:
    """Return what twelve readings of a healthy house say of a minute."""
    alike = 1000 * (start - NOON) // MINUTE
    usual = {
        "start": start,
        "n": 12,
        "first_ts": start,
        "last_ts": start + timedelta(seconds=55),
        "received_at": start + timedelta(seconds=56),
        "pv_max": 3000.0,
        "volts_max": 400.0,
        "states": (0,),
        "state_last": 0,
        "faults": ("",),
        "faults_last": "",
        "grid_v_sum": 12 * 230.0,
        "grid_v_n": 12,
        "hz_min": 50.0,
        "hz_max": 50.0,
        "soc_min": 60.0,
        "soc_max": 60.0,
        "charge_wh": 0.0,
        "power_min": 0.0,
        "power_max": 0.0,
        "temp_min": 20.0,
        "temp_max": 20.0,
        "inverter_temp": 35.0,
        "grid_w_max": 1000.0,
        "may_charge": 25.0,
        "may_discharge": 25.0,
        "soh": 98.0,
        "print_min": alike,
        "print_max": alike + 11,
        "print_fields": 12,
        "print_alive": 8,
        "boots": (),
    }
    return Minute(**usual | told)


def lived(count: int, **told) -> Hours:
    """Return so many minutes up to noon, alike but for what a function of their number says."""
    found = []
    for number in range(count):
        given = {k: v(number) if callable(v) else v for k, v in told.items()}
        found.append(minute(NOON - (count - number) * MINUTE, **given))
    return Hours(found)


def seen(hours: Hours | None = None, house: House = HOME, **more) -> Evidence:
    newest = hours.newest.last_ts if hours and hours.newest else NOON - MINUTE
    made = Evidence(NOON, house, newest=newest, newest_received=newest, hours=hours or Hours())
    for name, value in more.items():
        setattr(made, name, value)
    return made


def report(**told) -> Report:
    usual = {"received_at": NOON - MINUTE, "slot": NOON - 10 * MINUTE, "boot": "a", "polled": 80}
    return Report(**usual | {"clock": "synchronised"} | told)


def check(rule: str, evidence, *open_keys: str):
    """Return what a rule says: for each finding its key and severity; None: it cannot tell."""
    found = EVERY[rule].check(evidence, frozenset(open_keys))
    return found and [(one.key, one.severity or EVERY[rule].severity) for one in found]


# The battery


def charging(soc: float, watts: float, minutes: int = 25, **more) -> Evidence:
    return seen(
        lived(
            minutes,
            soc_min=soc,
            soc_max=soc,
            power_min=watts,
            power_max=watts,
            charge_wh=watts / 60,
            **more,
        )
    )


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (charging(60, 800), [("", WARNING)]),
        (charging(60, -800), [("", WARNING)]),
        (charging(60, 800, minutes=19), []),  # not for long enough
        (charging(60, 300), []),  # 1.25 points
        (charging(60, 190, minutes=90), []),  # so little may be its own need
        (charging(100, 800), []),
        (charging(98, 800), []),
        (charging(98, -800), [("", WARNING)]),
        (charging(0, -800), []),
        (seen(lived(25, soc_min=59.0, power_min=800.0, power_max=800.0, charge_wh=14.0)), []),
        (seen(lived(25, soc_min=None, soc_max=None)), None),
        (seen(lived(25, power_min=None, power_max=None)), None),
        (seen(Hours()), None),
    ],
)
def test_a_charge_that_stands_still_though_the_power_would_move_it(evidence, found):
    assert check("batt_link", evidence) == found


@pytest.mark.parametrize("capacity", [5, 20])
def test_how_far_the_power_would_move_it_follows_from_the_capacity(capacity):
    evidence = charging(60, 500)  # 208 Wh in 25 minutes
    evidence.house = HOME._replace(capacity_kwh=capacity)
    assert bool(check("batt_link", evidence)) == (capacity == 5)


def test_a_battery_that_is_heard_again_does_not_jump():
    jump = {
        "soc_min": lambda n: 30.0 if n < 5 else 60.0,
        "soc_max": lambda n: 30.0 if n < 5 else 60.0,
    }
    evidence = seen(lived(10, **jump))
    assert check("batt_jump", evidence) == [("", WARNING)]
    deaf = Episode("home", "batt_link", "", WARNING, "clearing", NOON, NOON, opened_at=NOON)
    for going_on, is_told in (({}, True), ({deaf.instance: deaf}, False)):
        judged = judge(Server(NOON), [evidence], going_on)
        assert bool(next(j for j in judged if j.rule.name == "batt_jump").outcome) == is_told


@pytest.mark.parametrize(
    ("celsius", "power", "found"),
    [
        (-0.5, 500.0, [("", WARNING)]),
        (0.0, 500.0, []),
        (-0.5, 0.0, []),
        (-0.5, -500.0, []),
        (None, 500.0, None),
    ],
)
def test_charging_in_the_cold(celsius, power, found):
    told = {"temp_min": celsius, "temp_max": celsius, "power_min": power, "power_max": power}
    assert check("batt_cold", seen(lived(12, **told))) == found


def test_cold_as_before_but_not_charging_now_leaves_it_open():
    told = {"temp_min": -1.0, "temp_max": -1.0, "power_min": 0.0, "power_max": 0.0}
    assert check("batt_cold", seen(lived(12, **told)), "") is None
    told |= {"temp_min": 2.5, "temp_max": 2.5}
    assert check("batt_cold", seen(lived(12, **told)), "") == []


@pytest.mark.parametrize(
    ("celsius", "is_open", "found"),
    [
        (45.0, False, []),
        (45.5, False, [("", WARNING)]),
        (43.5, True, [("", WARNING)]),
        (43.0, True, []),
        (55.5, False, [("", CRITICAL)]),
    ],
)
def test_a_hot_battery(celsius, is_open, found):
    hours = lived(12, temp_min=celsius, temp_max=celsius)
    assert check("batt_hot", seen(hours), *([""] if is_open else [])) == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"may_charge": 0.0}, [("charge", WARNING)]),
        ({"may_discharge": 0.0}, [("discharge", WARNING)]),
        ({"may_charge": 0.0, "soc_max": 95.0}, []),
        ({"may_discharge": 0.0, "soc_max": 15.0}, []),
        ({"may_charge": 0.0, "temp_min": 4.0}, []),
        ({"may_charge": 0.0, "temp_min": 46.0}, []),
        ({"may_charge": None, "may_discharge": None}, None),
        ({"may_charge": 0.0, "temp_min": None}, None),
    ],
)
def test_a_battery_that_may_not_work(told, found):
    def at_first_allowed(now: float):  # what was never allowed is not called blocked
        return lambda number: now if number > 5 else 25.0

    may = {k: at_first_allowed(v) for k, v in told.items() if k.startswith("may") and v == 0}
    assert check("batt_blocked", seen(lived(40, **told | may))) == found


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (98.0, 96.0, [("", WARNING)]),
        (98.0, 97.0, []),
        (98.0, 99.0, []),
        (98.0, 0.0, None),  # it was not read
        (None, 96.0, None),
    ],
)
def test_a_health_that_falls(before, now, found):
    assert check("soh_drop", seen(lived(5, soh=now), soh_week_ago=before)) == found


def test_a_health_that_goes_on_falling_is_more_of_it():
    for now, amount in ((96.0, 2), (94.0, 4)):
        (found,) = EVERY["soh_drop"].check(seen(lived(5, soh=now), soh_week_ago=98.0), frozenset())
        assert found.amount == amount


@pytest.mark.parametrize(("soc", "found"), [(9.9, [("", WARNING)]), (10.0, []), (None, None)])
def test_a_battery_that_is_nearly_empty(soc, found):
    assert check("batt_low_long", seen(lived(5, soc_min=soc, soc_max=soc))) == found


# The roof


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, [("", WARNING)]),
        ({"pv_max": 101.0}, []),
        ({"volts_max": 100.0}, []),  # no light on the strings: it may be snow, and says nothing
        ({"volts_max": 100.0, "state_last": 0x8000}, [("", WARNING)]),
        ({"soc_min": 99.0}, []),
        ({"grid_w_max": 20.0}, []),  # export held at nothing
        ({"state_last": 0x1000}, []),  # off the grid
    ],
)
def test_no_power_though_the_sun_is_up(told, found):
    dark = {"pv_max": 20.0, "volts_max": 400.0} | told
    assert check("no_yield", seen(lived(130, **dark))) == found


@pytest.mark.parametrize("celsius", [2.0, 4.0])
def test_in_the_cold_it_may_be_snow(celsius):
    hours = lived(130, pv_max=20.0, temp_min=celsius)
    (found,) = EVERY["no_yield"].check(seen(hours), frozenset())
    assert found.values["snow"] == (celsius == 2.0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"house": HOME._replace(timezone="UTC")}, "no place"),
        ({"house": HOME._replace(nominal_w=None)}, "no size"),
        ({"now": utc("2026-05-05 18:00")}, "a low sun"),
    ],
)
def test_where_the_sun_or_the_inverter_is_not_known_nothing_is_said_of_no_power(change, why):
    evidence = seen(lived(130, pv_max=20.0))
    for name, value in change.items():
        setattr(evidence, name, value)
    assert check("no_yield", evidence) is None, why


@pytest.mark.parametrize(
    ("kwh", "best", "count"), [(0.5, 20.0, 1), (0.6, 20.0, 0), (0.0, 0.9, 0), (0.0, 1.0, 1)]
)
def test_a_day_that_brought_next_to_nothing(kwh, best, count):
    evidence = seen(lived(5), sunset=Sunset(NOON.date(), kwh, best))
    assert check("low_day", evidence) == [("2026-05-05", INFO)] * count


# The strings


STRINGS = (1500.0, 2000.0, None, None)  # what each usually brings at noon


def strings(*given: float | None, minutes: int = 40, usual=STRINGS, **told) -> Evidence:
    """Return a house whose strings gave so much of the usual; W where that is nothing."""
    watts = [None if part is None else part * (usual[n] or 1.0) for n, part in enumerate(given)]
    watts += [None] * (4 - len(watts))
    volts = (350.0, 350.0, 350.0, 350.0)
    hours = lived(minutes, **{"string_w": tuple(watts), "string_v": volts} | told)
    return seen(hours, usual_w={slot_of(one.start): usual for one in hours.backwards()})


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (strings(0.9, 0.0), [("2", WARNING)]),
        (strings(0.9, 0.044), [("2", WARNING)]),
        (strings(0.9, 0.046), []),  # 5 % of nine tenths
        (strings(0.0, 0.9), [("1", WARNING)]),
        (strings(0.21, 0.0), [("2", WARNING)]),
        (strings(0.19, 0.0), None),  # too little light to tell
        (strings(0.9, 0.9), []),
        (strings(0.9, None), []),  # one string alone
        (strings(None, 0.9), []),
        (strings(None, None), []),
        (strings(0.0, 0.0), None),  # night: what was wrong still is
        (strings(0.9, 0.0, 0.9, 0.9, usual=(1500.0,) * 4), [("2", WARNING)]),
        (strings(0.9, 0.0, 0.0, 0.9, usual=(1500.0,) * 4), [("2", WARNING), ("3", WARNING)]),
        (strings(900.0, 0.0, usual=(1500.0, 0.0, None, None)), None),  # never was there
        (strings(900.0, 0.0, usual=(None, None, None, None)), None),  # known for too few days
        (strings(0.9, 0.0, soc_min=98.0, grid_w_max=50.0), None),  # nobody wants it
        (strings(0.9, 0.0, soc_min=97.0, grid_w_max=50.0), [("2", WARNING)]),
        (strings(0.9, 0.0, soc_min=98.0, grid_w_max=51.0), [("2", WARNING)]),
        (strings(0.9, 0.0, soc_min=None, grid_w_max=50.0), None),  # no battery either
        (strings(0.9, 0.0, soc_min=None, grid_w_max=None), [("2", WARNING)]),
    ],
)
def test_a_string_that_gives_nothing_while_another_does(evidence, found):
    assert check("string_dead", evidence) == found


@pytest.mark.parametrize(
    ("usual", "found"),
    [
        ((1500.0, 120.0, None, None), [("2", WARNING)]),
        ((1500.0, 110.0, None, None), None),  # nine tenths of it are less than 100 W
        ((120.0, 1500.0, None, None), []),  # dusk on an eastern roof: it gives what it should
    ],
)
def test_where_a_string_gives_little_anyway_nothing_is_said(usual, found):
    given = (0.9, 0.0) if usual[0] > usual[1] else (0.9, 0.9)
    assert check("string_dead", strings(*given, usual=usual)) == found


def test_an_inverter_that_holds_its_export_at_a_limit_explains_it():
    for limit_w, found in ((1060.0, [("2", WARNING)]), (1059.0, None), (None, [("2", WARNING)])):
        evidence = strings(0.9, 0.0, soc_min=100.0, grid_w_max=1000.0)
        evidence.house = HOME._replace(export_limit_w=limit_w)
        assert check("string_dead", evidence) == found


def test_it_is_dead_since_its_first_minute_and_the_message_says_what_can_be_seen():
    fell = {"string_w": lambda n: (1350.0, 0.0 if n >= 8 else 1800.0, None, None)}
    evidence = strings(0.9, 0.0, **fell)
    (found,) = EVERY["string_dead"].check(evidence, frozenset())
    assert found.since == NOON - 32 * MINUTE
    about = {"string": 2, "watts": 0, "volts": 350, "usual": 1800}
    assert found.values == about | {"open": False, "snow": False}
    cut = strings(0.9, 0.0, string_v=(350.0, 3.0, None, None), temp_min=1.0)
    (found,) = EVERY["string_dead"].check(cut, frozenset())
    assert (found.values["open"], found.values["snow"]) == (True, True)


@pytest.mark.parametrize(("dim", "since"), [(9, 40), (12, 10)])
def test_a_cloud_on_all_strings_is_bridged_if_it_is_short(dim, since):
    """With the light away nobody can tell whether the string is."""

    def clouded(n: int) -> tuple:
        is_dim = 30 - dim <= n < 30
        return (150.0 if is_dim else 1350.0, 0.0, None, None)

    (found,) = EVERY["string_dead"].check(strings(0.9, 0.0, string_w=clouded), frozenset())
    assert found.since == NOON - since * MINUTE


@pytest.mark.parametrize(
    ("given", "usual", "found"),
    [
        ((0.9, 0.0), (1500.0, 0.0, None, None), [("2", WARNING)]),  # weeks ago it gave something
        ((0.15, 0.0), STRINGS, [("2", WARNING)]),
        ((0.9, 0.9), STRINGS, []),
        ((0.9, 100.0), (1500.0, 0.0, None, None), []),  # it is back
    ],
)
def test_one_that_is_dead_stays_dead_until_it_gives_something(given, usual, found):
    assert check("string_dead", strings(*given, usual=usual), "2") == found


def test_where_nobody_asked_what_is_usual_all_strings_give_alike():
    evidence = strings(0.9, 0.9)
    evidence.usual_w = None
    assert check("string_dead", evidence) == []


NEW_SHADE = {"string": 1, "from": "2026-05-01", "value": -0.31}


@pytest.mark.parametrize(
    ("roof", "found"),
    [
        (None, None),
        (Roof(NOON - 71 * HOUR), []),
        (Roof(NOON - 73 * HOUR, (NEW_SHADE,)), None),  # the nightly job fails
        (Roof(NOON - HOUR, (NEW_SHADE,)), [("1", WARNING)]),
        (Roof(NOON, (NEW_SHADE, NEW_SHADE | {"string": 2})), [("1", WARNING), ("2", WARNING)]),
        (Roof(NOON, (NEW_SHADE, NEW_SHADE | {"from": "2026-05-03"})), [("1", WARNING)]),
        (Roof(NOON, (NEW_SHADE | {"from": None},)), [("1", WARNING)]),
    ],
)
def test_shade_that_was_not_there_a_year_ago(roof, found):
    assert check("shade_new", seen(house=HOME._replace(roof=roof))) == found


def test_new_shade_is_told_by_its_day_and_of_the_past_nothing_is_said():
    known = HOME._replace(roof=Roof(NOON, (NEW_SHADE,)))
    (found,) = EVERY["shade_new"].check(seen(house=known), frozenset())
    assert (found.since, found.values) == (utc("2026-04-30 22:00"), {"string": 1, "pct": 31})
    assert check("shade_new", seen(house=known, knows_reports=False)) is None


# Registers that stand still


def quarters(values, kwh: float) -> list[Quarter]:
    """Return quarter hours up to noon: the counter of the roof, and the energy by power in each."""
    none = (None,) * 4
    return [
        Quarter(NOON - (len(values) - n) * 15 * MINUTE, (kwh, *none), (v, *none), (v, *none))
        for n, v in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "kwh", "found"),
    [
        ([500.0] * 6, 0.25, [("pv", WARNING)]),
        ([500.0] * 3, 0.25, []),  # 0.75 kWh
        ([500.0, 500.0, 500.0, 500.1], 0.5, []),
        ([499.9, *[500.0] * 5], 0.25, [("pv", WARNING)]),
        ([0.0] * 6, 0.25, []),  # it has none
        ([None] * 6, 0.25, []),
    ],
)
def test_a_counter_that_stands_while_energy_flows(values, kwh, found):
    assert check("counter_stuck", seen(lived(5), quarters=quarters(values, kwh))) == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"print_min": 7, "print_max": 7}, [("", WARNING)]),
        ({"print_min": 7, "print_max": 8}, []),
        ({"print_min": 7, "print_max": 7, "print_fields": 7}, None),
        ({"print_min": 7, "print_max": 7, "print_alive": 2}, None),  # at night all is 0
        ({"print_min": 7, "print_max": 7, "n": 1}, []),  # three readings prove little
    ],
)
def test_a_dongle_that_repeats_itself(told, found):
    assert check("frozen", seen(lived(3, **told))) == found


# The grid


@pytest.mark.parametrize(
    ("rule", "volts", "is_open", "count"),
    [
        ("grid_v_high", 251.0, False, 0),
        ("grid_v_high", 251.2, False, 1),
        ("grid_v_high", 249.5, True, 1),
        ("grid_v_high", 249.0, True, 0),
        ("grid_v_low", 207.0, False, 0),
        ("grid_v_low", 206.8, False, 1),
        ("grid_v_low", 208.5, True, 1),
        ("grid_v_low", 209.0, True, 0),
    ],
)
def test_the_mean_of_ten_minutes(rule, volts, is_open, count):
    evidence = seen(lived(12, grid_v_sum=12 * volts))
    assert check(rule, evidence, *([""] if is_open else [])) == [("", EVERY[rule].severity)] * count


def test_of_a_power_cut_and_of_few_minutes_the_mean_says_nothing():
    assert check("grid_v_low", seen(lived(12, grid_v_sum=12 * 30.0))) is None
    for rule in ("grid_v_low", "grid_v_high"):
        assert check(rule, seen(lived(7, grid_v_sum=12 * 300.0))) is None


@pytest.mark.parametrize(("hz", "count"), [(50.2, 0), (50.3, 1), (49.8, 0), (49.7, 1)])
def test_a_frequency_that_is_off(hz, count):
    assert len(check("grid_f", seen(lived(3, hz_min=hz, hz_max=hz)))) == count


def test_a_grid_that_is_not_there_has_no_frequency():
    assert check("grid_f", seen(lived(3, hz_min=0.0, hz_max=0.0))) is None


# The hops


def test_a_grid_meter_that_is_silent_while_others_come():
    hours = lived(20)
    assert check("p1_no_data", seen(hours)) == []  # there is none
    assert check("p1_no_data", seen(hours, p1_newest=NOON - 2 * MINUTE)) == []
    assert check("p1_no_data", seen(hours, p1_newest=NOON - 11 * MINUTE)) == [("", WARNING)]
    away = seen(hours, p1_newest=NOON - 11 * MINUTE, newest=NOON - 11 * MINUTE)
    assert check("p1_no_data", away) is None  # nothing comes at all
    away.p1_report = report()
    assert check("p1_no_data", away) == [("", WARNING)]


@pytest.mark.parametrize(
    ("now", "zone", "severity"),
    [
        ("2026-06-13 02:24", "Europe/Berlin", WARNING),  # the sun is up, and brings nothing yet
        ("2026-06-13 04:00", "Europe/Berlin", CRITICAL),
        ("2026-12-13 12:00", "Europe/Berlin", CRITICAL),
        ("2026-12-13 16:00", "Europe/Berlin", WARNING),
        ("2026-12-13 23:00", "UTC", CRITICAL),  # where that is nobody knows: it is always day
    ],
)
def test_a_silent_house_is_critical_by_day(now, zone, severity):
    evidence = seen(house=HOME._replace(timezone=zone))
    evidence.now = utc(now)
    evidence.newest = evidence.newest_received = evidence.now - 11 * MINUTE
    assert check("no_data", evidence) == [("", severity)]


def test_a_device_that_was_never_seen():
    known = HOME._replace(known_since=NOON - 25 * HOUR)
    (found,) = EVERY["never_seen"].check(seen(house=known, newest=None), frozenset())
    assert NOON - found.since > timedelta(seconds=EVERY["never_seen"].for_s)
    assert check("never_seen", seen(house=known)) == []
    assert check("never_seen", seen(newest=None)) == []


# The edge


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"waiting": 9, "oldest_unsent_ts": NOON - 31 * MINUTE}, [("", WARNING)]),
        ({"waiting": 9, "oldest_unsent_ts": NOON - 29 * MINUTE}, []),
        ({"waiting": 0, "oldest_unsent_ts": NOON - 31 * MINUTE}, []),
        ({"waiting": 9, "oldest_unsent_ts": NOON - HOUR, "clock": "unknown"}, []),
        ({"waiting": 9, "oldest_unsent_ts": NOON - HOUR, "received_at": NOON - 4 * MINUTE}, None),
    ],
)
def test_readings_that_wait_at_the_edge(told, found):
    assert check("backlog", seen(report=report(**told))) == found
    assert check("backlog", seen(p1_report=report(**told))) == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"spool_state": "ok", "spool_used_pct": 70, "disk_free_mb": 500}, []),
        ({"spool_state": "ok", "spool_used_pct": 71}, [("", WARNING)]),
        ({"spool_state": "ok", "disk_free_mb": 499}, [("", WARNING)]),
        ({"spool_state": "ok", "ring_count": 1}, [("", WARNING)]),
        ({"spool_state": "ok", "thinned_24h": 1}, [("", CRITICAL)]),
        ({"spool_state": "full"}, [("", CRITICAL)]),
        ({"spool_state": "failing"}, [("", CRITICAL)]),
        ({}, None),  # an older edge does not say
    ],
)
def test_the_disk_of_the_edge(told, found):
    assert check("spool_disk", seen(report=report(told=told))) == found


@pytest.mark.parametrize(
    ("clock", "found"), [("synchronised", []), ("unknown", [("", WARNING)]), (None, None)]
)
def test_an_edge_that_does_not_know_the_time(clock, found):
    assert check("clock", seen(report=report(clock=clock))) == found


@pytest.mark.parametrize(("boots", "found"), [(None, None), (1, []), (3, []), (4, [("", WARNING)])])
def test_an_edge_that_starts_again_and_again(boots, found):
    assert check("restarts", seen(boots=boots)) == found


@pytest.mark.parametrize(
    ("version", "found"), [(None, None), ("0.1.0", []), ("0.10.0", []), ("0.0.9", [("", INFO)])]
)
def test_an_old_edge(version, found):
    assert check("edge_version", seen(house=HOME._replace(edge_version=version))) == found


# What is promised


@pytest.mark.parametrize(
    ("rule", "severity"), [("parked", WARNING), ("conflict", WARNING), ("lost", CRITICAL)]
)
def test_readings_that_could_not_be_kept(rule, severity):
    name = {"conflict": "conflicts"}.get(rule, rule)
    assert check(rule, seen()) is None
    assert check(rule, seen(**{name: 0})) == []
    assert check(rule, seen(**{name: 3})) == [("", severity)]
    (found,) = EVERY[rule].check(seen(**{name: 3}), frozenset())
    assert found.amount == 3


# The server


def front(days: float, own: bool = False) -> Server:
    return Server(NOON, front=Front(None, "", days, own))


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (front(14.0), []),
        (front(13.9), [("", WARNING)]),
        (front(2.9), [("", CRITICAL)]),
        (front(29.0, own=True), [("", WARNING)]),
        (front(30.0, own=True), []),
        (Server(NOON), None),
        (Server(NOON, edges_cert_days=13.0), [("", WARNING)]),
        (Server(NOON, front=Front(None, "", 60.0), edges_cert_days=2.0), [("", CRITICAL)]),
    ],
)
def test_a_certificate_that_ends(evidence, found):
    assert check("cert", evidence) == found


def disk(free: float, size: float) -> Server:
    return Server(NOON, jobs={"doctor": {"disk": {"free_bytes": free, "size_bytes": size}}})


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (disk(6e9, 40e9), []),
        (disk(4.9e9, 40e9), [("", WARNING)]),
        (disk(9e9, 100e9), [("", WARNING)]),
        (disk(0, 0), None),
        (Server(NOON, jobs={"doctor": {"disk": {"free_bytes": "x"}}}), None),
        (Server(NOON, jobs={"doctor": {"disk": 7}}), None),
        (Server(NOON), None),
    ],
)
def test_the_disk_of_the_server(evidence, found):
    assert check("server_disk", evidence) == found


@pytest.mark.parametrize("job", ["backup", "doctor"])
@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"time": "2026-05-05T02:10:00+00:00", "result": "ok"}, []),
        ({"time": "2026-05-05T02:10:00+00:00", "result": "failed"}, [("", WARNING)]),
        ({"time": "2026-05-03T09:59:00+00:00", "result": "ok"}, [("", WARNING)]),
        ({"time": "2026-05-03T10:01:00+00:00", "result": "ok"}, []),
        ({"time": "yesterday", "result": "ok"}, [("", WARNING)]),
        ({}, [("", WARNING)]),
        (None, None),
    ],
)
def test_jobs_of_the_night(job, said, found):
    jobs = {} if said is None else {job: said}
    assert check(job, Server(NOON, jobs=jobs)) == found


@pytest.mark.parametrize(
    ("said", "by_hand"),
    [
        ({"result": "failed", "by_hand": True}, True),
        ({"result": "failed", "by_hand": False}, False),
        ({"result": "failed"}, False),  # as an older release writes it
        ({"result": "failed", "by_hand": "yes"}, False),
        ({"result": "failed", "by_hand": True, "time": "2026-05-01T02:10:00+00:00"}, None),  # late
    ],
)
def test_a_backup_that_failed_says_whether_it_was_started_by_hand(said, by_hand):
    jobs = {"backup": {"time": "2026-05-05T02:10:00+00:00"} | said}
    (found,) = EVERY["backup"].check(Server(NOON, jobs=jobs), frozenset())
    assert found.values.get("by_hand") is by_hand


@pytest.mark.parametrize(("count", "found"), [(None, None), (0, []), (1, [("", WARNING)])])
def test_answers_that_say_that_the_server_failed(count, found):
    assert check("queries_5xx", Server(NOON, errors_5xx=count)) == found


def test_no_rule_says_anything_of_a_healthy_house():
    evidence = seen(lived(180), report=report(told={"spool_state": "ok"}), lost=0, parked=0)
    server = Server(NOON, front=Front(None, "", 60.0), errors_5xx=0)
    for one in judge(server, [evidence], {}):
        assert not one.outcome, one
        assert one.device_id in ("home", SERVER)
