"""What looks at ten years as a whole: All, its records, the calendar, the page, and the night.

    python -m tests.bench long_history

Two houses of ten years: ``fine``, rollups as of a poll in 300 s, numbers as of one in 5 s; and
``coarse``, a poll in 20 minutes and none from 23 to 1 o'clock, so that no counter is read near
midnight. Both lost readings around every midnight, and their edges were restarted once a year.
``long_history_data`` loads them.

The limit of a question is a bare SQL that reads the same rows and adds them up by month or day: who
answers has to do that at least. The aims are times (All and the calendar 300 ms; All usable in the
browser within 1 s; a usual night 5 s of CPU), so the figures are told beside the ratios; of the
night, the goal is judged.
"""

import sys
from collections.abc import Iterator

from tests.bench.decade_data import ZONE, Size
from tests.bench.long_history_data import COARSE, FINE, add_a_day, fill
from tests.bench.nights import NIGHT, answered, night
from tests.bench.paired import TOLD, Line, beside, in_turn
from tests.bench.servers import Servers, started
from tests.browser.browser import MISSING, Browser, browser

SIZE, ROUNDS = Size(raw_days=1, neighbours=2), 10
QUICK_SIZE, QUICK_ROUNDS = Size(years=3, year_days=20, raw_days=1, neighbours=1), 2
LABELS = {FINE: "ten years", COARSE: "ten years, coarse"}
BARE_MONTHS = (
    "SELECT date_trunc('month', bucket::timestamp), sum(pv_integral_kwh), sum(load_integral_kwh),"
    " sum(import_integral_kwh), sum(export_integral_kwh), sum(covered_s) FROM sungrow_local_daily"
    " WHERE device_id = %(device_id)s GROUP BY 1"
)
BARE_DAYS = BARE_MONTHS.replace("date_trunc('month', bucket::timestamp)", "bucket")
BARE_CALENDAR = (
    "SELECT day, seqs, polled FROM (SELECT (slot AT TIME ZONE %(zone)s)::date AS day,"
    " range_agg(seqs) AS seqs FROM sungrow_seqs WHERE device_id = %(device_id)s"
    " AND kind = 'sample' AND slot >= %(from)s AND slot < %(to)s::date + 1 GROUP BY 1) AS here"
    " JOIN (SELECT (slot AT TIME ZONE %(zone)s)::date AS day, sum(polled) AS polled"
    " FROM sungrow_reports WHERE device_id = %(device_id)s AND kind = 'sample'"
    " AND slot >= %(from)s AND slot < %(to)s::date + 1 GROUP BY 1) AS told USING (day)"
)
# Notes when the view is there with nothing of it still loading, at a frame that is painted.
WATCH = """
const look = () => {
  const view = document.querySelector('.period-view');
  const isWhole = view?.querySelector('svg rect') && !view.querySelector('[data-state=loading]');
  if (isWhole) window.usable = performance.now(); else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def lines(quick: bool) -> Iterator[Line]:
    """Ask both houses, look at one in the browser, and let two nights pass over it."""
    size, rounds = (QUICK_SIZE, QUICK_ROUNDS) if quick else (SIZE, ROUNDS)
    with started() as servers:
        url = servers.database(SITE_TIMEZONE=ZONE)
        last_day = fill(url, size)
        year = {"from": f"{last_day.year}-01-01", "to": str(last_day)}
        whole = {"from": str(last_day.replace(year=last_day.year - size.years + 1, month=1, day=1))}
        whole |= {"to": year["to"], "bucket": "1d"}
        asked = {
            "All": ("/v1/series", {"frame": "all"}, BARE_MONTHS),
            "every day, for the records": ("/v1/series", whole, BARE_DAYS),
            "calendar of a year": ("/v1/completeness", year, BARE_CALENDAR),
        }
        for name, (path, query, bare) in asked.items():
            for house in (FINE, COARSE):
                sought = {"device_id": house, "zone": ZONE, **query}
                told = f"{LABELS[house]}: {name}"
                yield answered(url, house, told, (path, query), (bare, sought), rounds)
        yield from _page(servers, url, last_day.year, 1 if quick else 5)
        yield from night(servers, url, FINE, "envelope", "the first night", TOLD)
        add_a_day(url)
        yield from night(servers, url, FINE, "envelope", "a usual night", NIGHT)


def _page(servers: Servers, url: str, year: int, rounds: int) -> Iterator[Line]:
    """Open All, and a year, as one who has been there before: logged in, with an empty cache."""
    if MISSING:
        print(MISSING, file=sys.stderr)
        return
    settings = {"READ_TOKENS": f"reader:{FINE}", "SECRET_KEY": "k" * 32, "SITE_TIMEZONE": ZONE}
    with (
        servers.gunicorn(url, tls=True, **settings) as server,
        browser(servers.folder / "b") as one,
    ):
        one.log_in(server.url + "/", "reader")
        with one.prepared(WATCH):
            pairs = in_turn(
                lambda _: _usable_ms(one, f"{server.url}/?view=all"),
                lambda _: _usable_ms(one, f"{server.url}/?view=year&date={year}-01-01"),
                rounds,
            )
    note = "from the address to a painted view, in Chromium; limit: a year of it"
    yield beside("ten years: the page's All", "ms", pairs, note=note)


def _usable_ms(one: Browser, address: str) -> float:
    one.command("Network.clearBrowserCache")
    one.open("about:blank")
    one.open(address)
    return one.wait(lambda: one.run("return window.usable"), "the view never is whole")
