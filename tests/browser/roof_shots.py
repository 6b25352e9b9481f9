"""``python -m tests.browser.roof_shots FOLDER [SITUATION ...]``: pictures of the Roof view.

Of a house with two, four or one string after a year, after a week, and without a place; light and
dark, on a phone, a tablet and a desktop.
"""

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server import sandbox
from tests.browser import house, roof_house
from tests.browser.browser import MISSING, Browser, browser

TOKEN = "read-token"
ZONE = "Europe/Brussels"
SIZES = {"phone": (360, 740), "tablet": (820, 1180), "desktop": (1280, 900)}
LOADING = "return document.querySelectorAll('[data-state=loading]').length"
SITUATIONS = {
    "two": (roof_house.two_strings, 2),
    "four": (roof_house.four_strings, 4),
    "one": (roof_house.one_string, 1),
    "week": (roof_house.a_week, 2),
    "no-place": (roof_house.no_place, 2),
    "new": (None, 2),
}


def shoot(page: Browser, url: str, folder: Path, name: str, queries: list[str]) -> None:
    """Write the pictures of one situation."""
    for query in queries:
        for scheme in ("light", "dark"):
            for size, pixels in SIZES.items():
                page.colours(scheme)
                page.resize(pixels)
                page.open(f"{url}/?view=roof&device={name}{query}")
                page.wait_text("main", "Roof", 60)
                page.wait(lambda: page.run(LOADING) == 0, "it never ends to load", 60)
                view = query.replace("&", "-").replace("=", "-")
                page.screenshot(folder / f"{name}{view}-{scheme}-{size}.png")
    print(name, page.console())


def main() -> int:
    parser = argparse.ArgumentParser(description="Write pictures of the Roof view.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("situations", nargs="*", help="; ".join(SITUATIONS))
    arguments = parser.parse_args()
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    begin = house.midnight(now, ZONE) - timedelta(days=1)
    hole = timedelta(hours=2)
    wanted = {name: SITUATIONS[name] for name in arguments.situations or SITUATIONS}
    with tempfile.TemporaryDirectory() as folder, sandbox.Postgres(Path(folder), fast=True) as own:
        settings = {
            "DATABASE_URL": own.create_database("sungrow"),
            "DEVICE_TOKENS": "device-token:home-1",
            "READ_TOKENS": ",".join(f"{TOKEN}:{name}" for name in wanted),
            "SECRET_KEY": "of a server that lives for a minute",
            "SITE_TIMEZONE": ZONE,
        }
        migrate = [sys.executable, "-m", "server.migrate"]
        sandbox.run(migrate, sandbox.environment(**settings), cwd=sandbox.ROOT)
        url = settings["DATABASE_URL"]
        for name, (make, count) in wanted.items():
            house.describe(url, name)
            roof_house.live_with_strings(url, name, begin, now, count, hole)
            if make:
                roof_house.store_roof(url, name, *make(now))
        certificate = sandbox.Authority(Path(folder) / "ca").issue()
        log = Path(folder) / "gunicorn.log"
        with (
            sandbox.Gunicorn(log, settings, certificate, threads=8) as web,
            browser(Path(folder) / "chromium") as page,
        ):
            page.log_in(web.url + "/", TOKEN)
            for name in wanted:
                yesterday = [f"&date={begin.date().isoformat()}"] if name == "two" else []
                more = ["&map=change&string=1", *yesterday] if name == "two" else []
                shoot(page, web.url, arguments.folder, name, ["", *more])
    return 0


if __name__ == "__main__":
    sys.exit(main())
