"""A server with a page, a house with a past, and a browser to look at it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
import requests

pytest.importorskip("selenium", reason="selenium is not installed")

from edge_lib.shared.timestamps import format_ts
from server import sandbox
from tests.browser import house
from tests.browser.browser import DESKTOP, MISSING, Browser, browser

ZONE = ZoneInfo(house.ZONE)
KEY = "a key of the tests that is long enough"
DEVICE, SECOND = "house", "garage"
ONE, BOTH = "read-one", "read-both"
SPRING, AUTUMN = "2026-03-29", "2026-10-25"
GAP_DAY = "2026-10-24"
SETTINGS = {
    "READ_TOKENS": f"{ONE}:{DEVICE},{BOTH}:{DEVICE},{BOTH}:{SECOND}",
    "SECRET_KEY": KEY,
    "SITE_TIMEZONE": house.ZONE,
}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


GAP = house.Hole(local(f"{GAP_DAY} 10:00"), local(f"{GAP_DAY} 12:30"), "timeout")
LIVES = (
    house.Life(local("2026-03-28"), local("2026-03-31")),
    house.Life(
        local(GAP_DAY), local("2026-10-27"), holes=(GAP,), grown_kwh=900.0, boot="b008"
    ),
)  # fmt: skip


class Site(NamedTuple):
    """The server, and what one can ask of it beside the page."""

    server: sandbox.Gunicorn
    database_url: str

    @property
    def url(self) -> str:
        return self.server.url

    def ask(self, path: str, **parameters: str) -> dict:
        answer = requests.get(
            self.url + path,
            params={"device_id": DEVICE, **parameters},
            headers={"Authorization": f"Bearer {BOTH}"},
            verify=self.server.certificate.ca,
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, ts: datetime | None = None, **values: float) -> str:
        """Store a reading, of this moment unless told, as the edge does; return its time."""
        sample = {
            "device_id": DEVICE,
            "ts": format_ts(ts or datetime.now(UTC)),
            "pv_power_w": 3210.0,
            "pv_daily_kwh": 9.0,
            "battery_power_w": 1500.0,
            "battery_soc_pct": 55.0,
            "battery_temp_c": 20.0,
            "load_power_w": 640.0,
            "export_power_w": 1070.0,
            **values,
        }
        self.post({"samples": [sample]})
        return sample["ts"]

    def report(self, **values: object) -> None:
        """Report as the edge does."""
        now = datetime.now(UTC)
        slot = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
        report = {"boot": "b009", "slot": format_ts(slot), "polled": 9, "failed": {}}
        report |= {"waiting": 0, "parked": 0, "clock": "synchronised", **values}
        self.post({"samples": [], "reports": [report]})

    def post(self, body: dict) -> None:
        answer = requests.post(
            self.url + "/v1/ingest",
            json=body,
            headers={"Authorization": "Bearer device-token"},
            verify=self.server.certificate.ca,
            timeout=20,
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="session")
def house_url(databases) -> str:
    """A database with days of both clock changes, one of them with a gap, and dark days between."""
    url = databases.migrated(house.ZONE)
    for life in LIVES:
        house.live(url, DEVICE, life)
    house.describe(url, DEVICE)
    return url


@pytest.fixture(scope="module")
def site(https_server, house_url) -> Site:
    server = https_server(threads=8, DATABASE_URL=house_url, **SETTINGS)
    return Site(server, house_url)


@pytest.fixture(scope="session")
def window(tmp_path_factory):
    """The browser of all tests: each begins without a session and without words in the console.

    It has no service workers: what one keeps of a test would be there in the next.
    """
    if MISSING:
        pytest.skip(MISSING)
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        none = "Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined })"
        opened.command("Page.addScriptToEvaluateOnNewDocument", source=none)
        yield opened


@pytest.fixture
def page(window) -> Iterator[Browser]:
    """The browser; whatever the test does, the page asks for nothing that the server refuses."""
    window.command("Network.clearBrowserCookies")
    window.open("about:blank")
    window.resize(DESKTOP)
    window.colours("light")
    window.language("en-GB")
    window.console()
    window.requests()
    window.misspelt.clear()
    window.modules_of = None
    yield window
    window.requests()
    assert window.misspelt == []


@pytest.fixture
def home(page, site) -> Browser:
    """A browser that is logged in, without a page, for a house that sent a reading just now."""
    site.send(ts=datetime.now(UTC) - timedelta(seconds=1))
    page.be_logged_in(site.url, ONE)
    return page


@pytest.fixture
def called(window, site, request):
    """Return ``called(module, function, arguments of each call)``: a module's function.

    The document in which it runs stays open for the next test that does nothing else.
    """
    is_alone = "page" not in request.fixturenames
    if window.modules_of != site.url:
        request.getfixturevalue("page").open(site.url + "/")
    if is_alone:
        window.modules_of = site.url
    script = window.run("return document.querySelector('script[type=module]').src")
    folder = script.rpartition("/")[0]

    def call(module: str, function: str, arguments: list[list]) -> list:
        return window.driver.execute_async_script(
            "const [path, name, all, done] = arguments;"
            "import(path).then((module) => done(all.map((one) => module[name](...one))))",
            f"{folder}/{module}.js",
            function,
            arguments,
        )

    return call
