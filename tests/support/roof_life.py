"""The life of a simulated roof, as the rows of five minutes that it leaves; its truth beside."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.sun import Sun, position
from edge_lib.simulator.household import Household
from edge_lib.simulator.profiles import chance
from edge_lib.simulator.roof import HORIZONS, Look, Obstacle, Plane, Roof
from edge_lib.simulator.sky import ChainSky, Hour, Sky, TypicalYear
from edge_lib.simulator.tracker import Offer, held_back, shown
from server.roof.rows import FiveMinutes, StringRow

SLOT_S, DAY_S = 300, 86_400
TRUTH = Path(__file__).parent / "roof_truth"


class Site(NamedTuple):
    """A place with a typical year; ``utc_offset_h`` of its standard time."""

    latitude: float
    longitude: float
    utc_offset_h: float
    zone: str


SITES = {
    "greensboro": Site(36.1, -79.95, -5, "America/New_York"),
    "sand_point": Site(55.317, -160.517, -9, "America/Anchorage"),
    "miami": Site(25.8, -80.267, -5, "America/New_York"),
}
HOME = Site(52.0, 5.0, 1, "Europe/Amsterdam")
# Shares of clear and of broken days of every cloudiness; and for how many days haze stays.
CLOUDS = {
    "mixed": (0.2, 0.4, 1),
    "clear": (1.0, 0.0, 1),
    "broken": (0.0, 1.0, 1),
    "overcast": (0.0, 0.0, 1),
    "hazy": (0.2, 0.4, 7),
}


@cache
def typical_hours(site: str) -> dict[tuple[int, int, int], Hour]:
    hours = {}
    with (TRUTH / "typical_years.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            if row["site"] != site:
                continue
            month, day = map(int, row["day"].split("-"))
            words = bytes.fromhex(row["dni_dhi_5w_hex"])
            for n in range(len(words) // 2):
                light = Hour(5.0 * words[2 * n], 5.0 * words[2 * n + 1])
                hours[month, day, int(row["first_hour"]) + n] = light
    return hours


def sky_of(clouds: str, seed: int) -> Sky:
    """Return the sky of a typical year's site, or of a cloudiness."""
    if clouds in SITES:
        site = SITES[clouds]
        place = (site.latitude, site.longitude)
        return TypicalYear(typical_hours(clouds), site.utc_offset_h, seed, place)
    return ChainSky(seed, *CLOUDS[clouds])


class Life(NamedTuple):
    """A roof, and how long it is looked at. Places of strings count from 1 here."""

    planes: tuple[Plane, ...]
    obstacles: tuple[Obstacle, ...] = ()
    clouds: str = "mixed"
    seed: int = 1
    days: float = 120
    born: datetime = datetime(2024, 4, 1, tzinfo=UTC)
    nominal_w: int = 20_000
    export_limit_w: int | None = None
    rains_s: tuple[float, ...] = ()
    in_house: bool = False  # with a house, its people and its battery; else all is fed in
    absent: tuple[int, ...] = ()  # strings that are null in every sample
    amps_step: float = 0.1
    silent: Callable[[int], bool] | None = None  # whether nothing arrived of these five minutes

    @property
    def site(self) -> Site:
        return SITES.get(self.clouds, HOME)

    @property
    def roof(self) -> Roof:
        return Roof(
            planes=self.planes,
            latitude=self.site.latitude,
            longitude=self.site.longitude,
            obstacles=self.obstacles,
            sky=sky_of(self.clouds, self.seed),
            export_limit_w=self.export_limit_w,
            rains_s=self.rains_s,
            clean_s=self.born.timestamp(),
            nominal_w=self.nominal_w,
            seed=self.seed,
        )


class True5(NamedTuple):
    """What really was in a row's five minutes; by string: W without shade, offered, taken."""

    bucket_s: int
    sun: Sun
    shone: float  # the beam, as a share of a clear sky's
    unshaded_w: tuple[float, ...]
    offered_w: tuple[float, ...]
    taken_w: tuple[float, ...]
    hidden: tuple[float, ...]
    cause: str | None  # why less was taken than offered


class Lived(NamedTuple):
    life: Life
    rows: list[FiveMinutes]
    truth: list[True5]  # one a row

    @property
    def end_s(self) -> float:
        return self.rows[-1].bucket_s + SLOT_S if self.rows else self.life.born.timestamp()


def live(life: Life) -> Lived:
    made = list(_in_house(life) if life.in_house else _alone(life))
    return Lived(life, [row for row, _ in made], [true for _, true in made])


# In the south the sun rises further north in summer, and is soon above a tree of 25 degrees.
SOUTHERN_TREE = (
    Obstacle(((70.0, 32.0), (110.0, 32.0))),
    Obstacle(((250.0, 20.0), (280.0, 20.0))),
)


def horizon(name: str, site: str) -> tuple[Obstacle, ...]:
    """Return what stands around the roof there."""
    if name == "tree" and site in SITES and SITES[site].latitude < 45:
        return SOUTHERN_TREE
    return HORIZONS[name]


def _moments(life: Life) -> Iterator[int]:
    begin = int(life.born.timestamp()) // SLOT_S
    return (at * SLOT_S for at in range(begin, begin + round(life.days * DAY_S / SLOT_S)))


def _alone(life: Life) -> Iterator[tuple[FiveMinutes, True5]]:
    roof, site = life.roof, life.site
    for at_s in _moments(life):
        middle_s = at_s + SLOT_S / 2
        sun = position(middle_s, site.latitude, site.longitude)
        if sun.elevation_deg <= 0 or (life.silent and life.silent(at_s)):
            continue
        look = roof.look_at(sun, middle_s)
        offered = sum(one.offer.power_w for one in look.strings)
        most_w = life.nominal_w
        house_w = round(300 + 400 * chance(life.seed, 60, at_s // 3600))
        cause = "clipping"
        if life.export_limit_w is not None and house_w + life.export_limit_w < most_w:
            most_w, cause = house_w + life.export_limit_w, "export_limit"
        taken = min(offered, (most_w + 15) / 0.97)
        share = taken / offered if offered else 1.0
        ac_w = round(taken * 0.97 - 15)
        row = _row(life, at_s, look, share, taken)
        yield (
            row._replace(inverter_w=ac_w, export_w=ac_w - house_w),
            _true(at_s, look, share, cause if taken < offered else None),
        )


class _InTheMiddle:
    """A roof as a house sees it whose steps begin where the five minutes do."""

    def __init__(self, roof: Roof) -> None:
        self._roof = roof
        self.nominal_w, self.export_limit_w = roof.nominal_w, roof.export_limit_w
        self.seen: Look | None = None

    def look(self, at_s: float) -> Look:
        self.seen = self._roof.look(at_s + SLOT_S / 2)
        return self.seen


def _in_house(life: Life) -> Iterator[tuple[FiveMinutes, True5]]:
    roof = _InTheMiddle(life.roof)
    house = Household(life.born, life.seed, step_s=SLOT_S, roof=roof)
    for at_s in _moments(life):
        look, flows = roof.seen, house._flows
        if look.light is not None and not (life.silent and life.silent(at_s)):
            offered = sum(flows.strings)
            share = flows.pv / offered if offered else 1.0
            row = _row(life, at_s, look, share, flows.pv)
            row = row._replace(
                inverter_w=flows.active,
                export_w=flows.active - flows.load,
                soc_pct=round(house.battery.soc_pct, 1),
                battery_w=flows.charge - flows.discharge,
                may_charge=house.battery.most_charge_w(SLOT_S) > 0,
            )
            cause = None
            if flows.pv < offered:
                cause = "clipping" if flows.active >= life.nominal_w else "export_limit"
            yield row, _true(at_s, look, share, cause)
        house.advance(datetime.fromtimestamp(at_s, UTC) + timedelta(seconds=SLOT_S))


def _row(life: Life, at_s: int, look: Look, share: float, pv_w: float) -> FiveMinutes:
    values = [_shown(life, held_back(one.offer, share)) for one in look.strings]
    there = [(number, *pair) for number, pair in enumerate(values, 1) if number not in life.absent]
    whole = sum(volts * amps for _, volts, amps in there)
    strings = tuple(
        StringRow(number, round(pv_w) * volts * amps / whole if whole else 0.0, volts, amps, 60, 0)
        for number, volts, amps in there
    )
    day = at_s / DAY_S
    warm_c = round(25 + (at_s % DAY_S) / DAY_S * 10 + 5 * chance(life.seed, 61, int(day)))
    return FiveMinutes(at_s, strings, running_state=0, temp_c=warm_c)


def _shown(life: Life, taken: Offer) -> tuple[float, float]:
    volts, amps = shown(taken)
    if life.amps_step < 0.1:
        return volts, round(taken.current_a / life.amps_step) * life.amps_step
    return volts, amps


def _true(at_s: int, look: Look, share: float, cause: str | None) -> True5:
    clear = 0.7 * 1367 if look.light is None else look.light.outside
    return True5(
        at_s,
        look.sun,
        look.light.beam / clear if look.light else 0.0,
        tuple(one.unshaded_w for one in look.strings),
        tuple(one.offer.power_w for one in look.strings),
        tuple(one.offer.power_w * share for one in look.strings),
        tuple(one.hidden for one in look.strings),
        cause,
    )
