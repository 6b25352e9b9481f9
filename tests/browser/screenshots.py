"""``python -m tests.browser.screenshots FOLDER [VIEW ...]``: pictures of every view of the page.

Each in light and dark, on a phone, a tablet and a desktop, of a house with a year behind it, whose
clock says midday; with ``--meter none`` of one without a grid meter, with ``--meter noon`` of one
that got it today; with ``--p1 always`` or ``noon`` of one with a P1 meter, beside the inverter's
own or, with ``--meter none``, without; with ``--battery months`` of one whose battery was measured
for three months and never emptied, not for three years, with ``none`` before its first night. The
README's three are of ``now --height 1080`` and of ``now month --height 740``. It takes some
minutes, most of them to live through that year.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server import sandbox
from tests.browser import battery_house, house, p1_house
from tests.browser.browser import MISSING, Browser, browser
from tests.support.readings import connected, rows, store

DEVICE, TOKEN = "home-1", "read-token"
RECENT = timedelta(days=36)
SCHEMES = ("light", "dark")
SIZES = {"phone": (360, 740), "tablet": (820, 1180), "desktop": (1440, 900)}
LOADING = "return document.querySelectorAll('[data-state=loading]').length"
WORDS = {"login": "", "capacity": "Mean of twelve"}  # by which a view is known to be there


def lives(now: datetime, zone: str, meter: str) -> tuple[house.Life, house.Life]:
    """Return a year in steps of ten minutes, and the last weeks, with holes, in steps of five."""
    midnight = house.midnight(now, zone)
    noon = midnight + timedelta(hours=12)
    metered = {"always": None, "none": now + timedelta(days=1), "noon": noon}[meter]

    def hole(days: int, hours: float, length_h: float, failed: str | None = None) -> house.Hole:
        begins = midnight - timedelta(days=days) + timedelta(hours=hours)
        return house.Hole(begins, begins + timedelta(hours=length_h), failed)

    holes = (
        hole(0, 8.25, 1.25, "timeout"),
        hole(1, 9.5, 2.75, "timeout"),
        hole(9, 20, 31),
        hole(16, 13, 3),
    )
    year, recent = midnight - timedelta(days=400), midnight - RECENT
    past = house.Life(year, recent, timedelta(minutes=10), zone=zone, boot="b006", metered=metered)
    lately = house.Life(recent, now, holes=holes, zone=zone, grown_kwh=6000.0, metered=metered)
    return past, lately._replace(often=now - timedelta(minutes=20))


def live(url: str, zone: str, now: datetime, meter: str, p1: str) -> None:
    """Store what the house's meters read, and the peaks that its P1 meter keeps."""
    past, recent = lives(now, zone, "always" if p1 != "never" and meter == "none" else meter)
    noon = house.midnight(now, zone) + timedelta(hours=12)
    if p1 == "never":
        house.live(url, DEVICE, past)
        house.live(url, DEVICE, recent)
        return
    p1_house.live_with_meter(
        url,
        DEVICE,
        [s for s in house.samples(recent) if not any(h.covers(s["ts"]) for h in recent.holes)],
        zone=zone,
        since=noon if p1 == "noon" else None,
        has_own=meter != "none",
    )
    months = [house.midnight(now, zone).replace(day=1)]
    while len(months) < 12:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    peaks = [
        (end, end - timedelta(days=9 + n % 5, hours=5.5), 2300.0 + 640 * (n * 7 % 5))
        for n, end in enumerate(months)
    ]
    p1_house.keep_peaks(url, DEVICE, peaks)


def measure(url: str, battery: str) -> None:
    """Store what a night has found out of its battery."""
    now = datetime.now(UTC)
    if battery == "years":
        found, of = battery_house.three_years(now), battery_house.windows(now)
        battery_house.store_battery(url, DEVICE, found, of, battery_house.whatif())
    if battery == "months":
        battery_house.store_battery(url, DEVICE, battery_house.three_months(now))


def go_on(url: str) -> None:
    """Store the newest reading again until now, so that the next picture is live."""
    newest = "SELECT * FROM sungrow_samples WHERE device_id = %s ORDER BY ts DESC LIMIT 1"
    with connected(url) as connection:
        (last,) = rows(connection, newest, DEVICE)
        until = datetime.now(UTC) - house.OFTEN
        count = (until - last["ts"]) // house.OFTEN
        moments = [last["ts"] + n * house.OFTEN for n in range(1, count + 1)]
        store(connection, DEVICE, [{**last, "ts": ts, "seq": None} for ts in moments])


@contextlib.contextmanager
def site(folder: Path, meter: str, p1: str, battery: str) -> Iterator[tuple[str, str, str]]:
    """Start a server with such a house; return its address, yesterday there, and its database."""
    now = datetime.now(UTC)
    zone = house.zone_where_it_is(13, now)
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(sandbox.Postgres(folder, fast=True))
        settings = {
            "DATABASE_URL": postgres.create_database("sungrow"),
            "DEVICE_TOKENS": f"device-token:{DEVICE}",
            "READ_TOKENS": f"{TOKEN}:{DEVICE}",
            "SECRET_KEY": "of a server that lives for a minute",
            "SITE_TIMEZONE": zone,
        }
        migrate = [sys.executable, "-m", "server.migrate"]
        sandbox.run(migrate, sandbox.environment(**settings), cwd=sandbox.ROOT)
        live(settings["DATABASE_URL"], zone, now, meter, p1)
        house.describe(settings["DATABASE_URL"], DEVICE, has_meter=meter != "none")
        nightly = [sys.executable, "-m", "server.nightly"]  # what a clear day brings
        sandbox.run(nightly, sandbox.environment(**settings), cwd=sandbox.ROOT)
        measure(settings["DATABASE_URL"], battery)
        certificate = sandbox.Authority(folder / "ca").issue()
        log = folder / "gunicorn.log"
        web = stack.enter_context(sandbox.Gunicorn(log, settings, certificate, threads=8))
        yesterday = house.midnight(now, zone) - timedelta(hours=12)
        yield web.url, yesterday.date().isoformat(), settings["DATABASE_URL"]


def shoot(
    page: Browser, folder: Path, name: str, address: str, height: int | None, database: str
) -> None:
    """Write the pictures of one view."""
    for scheme in SCHEMES:
        for size, pixels in SIZES.items():
            page.colours(scheme)
            page.resize(pixels)
            go_on(database)
            page.open(address)
            page.wait_text("main", WORDS.get(name, "e"), 60)
            page.wait(lambda: page.run(LOADING) == 0, "it never ends to load", 60)
            page.wait(lambda: not page.run("return document.fonts.status !== 'loaded'"), "fonts")
            path = folder / f"{name}-{scheme}-{size}.png"
            page.screenshot(path, height)
            print(path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write a picture of every view of the page.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("views", nargs="*", help="now, day, month, ...; all unless told")
    parser.add_argument("--height", type=int, help="pixels from the top; all unless told")
    parser.add_argument("--meter", choices=("always", "none", "noon"), default="always")
    parser.add_argument("--p1", choices=("always", "never", "noon"), default="never")
    parser.add_argument("--battery", choices=("years", "months", "none"), default="years")
    arguments = parser.parse_args()
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder), arguments.meter, arguments.p1, arguments.battery) as made,
        browser(Path(folder) / "chromium") as page,
    ):
        url, yesterday, database = made
        views = {
            "login": "/",
            "now": "/",
            "day": f"/?view=day&date={yesterday}",
            "zoom": f"/?view=day&date={yesterday}&zoom=12:00-14:00",
            "week": "/?view=week",
            "month": "/?view=month",
            "year": "/?view=year",
            "all": "/?view=all",
            "range": "/?span=P30D",
            "battery": "/?view=battery",
            "warranty": "/?view=battery&sheet=warranty",
            "roof": f"/?view=roof&date={yesterday}",
            "system": "/?view=system",
            "capacity": "/?view=capacity",
            "empty": "/?view=day&date=2020-02-02",
        }
        if arguments.p1 == "never":
            del views["capacity"]
        for name in arguments.views or views:
            if name != "login" and not page.all("#views a"):
                page.log_in(url + "/", TOKEN)
            shoot(page, arguments.folder, name, url + views[name], arguments.height, database)
    return 0


if __name__ == "__main__":
    sys.exit(main())
