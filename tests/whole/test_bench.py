"""Every benchmark runs and measures what it says; how fast a machine is, no test asserts."""

import json
import shutil
import subprocess
import sys

import pytest

from server import sandbox
from server.sandbox import ROOT
from tests.bench.__main__ import NAMES, ON_REQUEST
from tests.bench.devices import Step, search
from tests.bench.paired import Goal, Line, beside, in_turn, table
from tests.browser.browser import MISSING

pytestmark = [pytest.mark.server, pytest.mark.slow]


def _has_columnstore() -> bool:
    try:
        return "(timescale)" in sandbox.installed_edition()
    except sandbox.PrivateError:  # none is installed: then none of these tests is run, either
        return False


_HAS_COLUMNSTORE = _has_columnstore()
_COMPRESSED = [f"size: compressed, {which} fields" for which in ("all", "nine") if _HAS_COLUMNSTORE]
FRAMES = ("day", "month", "year", "all")
NIGHTS = ("the first night", "a usual night")
ABOUT = {
    "ingest": [
        "ingest, all fields",
        "ingest, all duplicates",
        "ingest, nine fields",
        "ingest, all fields, gzip",
        "bare: COPY, then INSERT SELECT",
        "bare: json_to_recordset",
        "bare: unnest of arrays",
    ],
    "spool": ["spool: flushes", "spool: bytes written"],
    "realtime": ["realtime, warm cache", "realtime, no Redis"],
    "series": [f"series, {frame}" for frame in FRAMES],
    "small_uploads": ["small uploads"],
    "strings": [
        *(f"strings kept, {what}" for what in ("500 a batch", "no string read", "2 a batch")),
        *(
            f"/v1/strings, {asked}"
            for asked in ("a day by 5 minutes", "a month by day", "a year by month")
        ),
    ],
    "devices": ["devices a machine"],
    "decade": [
        *(f"series {asked}: ten years / one" for asked in (*FRAMES, "5 minutes of a day")),
    ],
    "long_history": [
        *(
            f"ten years{house}: {asked}"
            for asked in ("All", "every day, for the records", "calendar of a year")
            for house in ("", ", coarse")
        ),
        *(["ten years: the page's All"] if not MISSING else []),
        *(f"{night}: {cost}" for night in NIGHTS for cost in ("CPU", "memory")),
    ],
    "battery": [
        *(
            f"battery, {night}: {cost}"
            for night in (*NIGHTS, "a house without a battery")
            for cost in ("CPU", "memory")
        ),
        "/v1/battery",
        "/v1/battery/whatif",
    ],
    "roof": [
        *(
            f"roof, {night}: {cost}"
            for night in (*NIGHTS, "a house without a place")
            for cost in ("CPU", "memory")
        ),
        "/v1/roof",
        "/v1/shade",
        "/v1/roof/day",
    ],
    "size": [
        "size: a sample, all fields",
        "size: its share of the rollups",
        *_COMPRESSED[:1],
        "size: a sample, nine fields",
        *_COMPRESSED[1:],
    ],
    "growth": [
        f"growth, {asked}: {stock}"
        for stocks in (("3 days", "6 days"), ("1 house", "3 houses"))
        for asked in (*FRAMES, "5 minutes of a day", "gaps of a day", "realtime", "ingest")
        for stock in stocks
    ],
    "poll": ["poll: time", "poll: requests", "poll: time with P1"],
    "edge_cost": [
        f"{edge}: {cost}"
        for edge in ("edge", "edge with P1")
        for cost in ("CPU time", "memory", "growth of memory")
    ],
    "backlog": ["backlog over TLS", "backlog: memory of the edge"],
    "start": ["start: edge.py to its first poll", "start: gunicorn to its first answer"],
}


CHEAP = ("ingest", "small_uploads", "poll", "spool", "start")


def _long(name: str) -> list[pytest.MarkDecorator]:
    return [] if name in CHEAP else [pytest.mark.long]


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=_long(name)) for name in (*NAMES, *ON_REQUEST)],
)
def measured(request, tmp_path_factory) -> tuple[str, dict[str, dict]]:
    """Return a benchmark's name, and its lines by theirs, from its quick form."""
    if request.param == "spool" and not _strace_may():
        pytest.skip("no strace, or this machine forbids it")
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", path, request.param]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line["name"]: line for line in json.loads(path.read_text())["lines"]}
    assert all(f"| {name} " in done.stdout for name in lines)
    return request.param, lines


def _strace_may() -> bool:
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-o/dev/null", "true"], stderr=-3, check=False).returncode == 0


def test_a_benchmark_prints_a_figure_for_each_of_its_lines(measured):
    name, lines = measured
    assert list(lines) == ABOUT[name]
    for line in lines.values():
        assert line["ours"] > 0 or "growth" in line["name"]
        assert line["limit"] is None or line["ratio_min"] <= line["ratio"] <= line["ratio_max"]


def test_what_can_be_counted_is_as_small_as_it_should_be(measured):
    name, lines = measured
    if name != "spool":
        pytest.skip("counts nothing")
    # Below one flush a reading it could not survive a power cut: the count itself would be wrong.
    assert 1.0 <= lines["spool: flushes"]["ours"] <= 1.1
    assert 800 < lines["spool: bytes written"]["ours"] <= 16_000


def test_a_poll_asks_no_more_often_than_it_must(measured):
    name, lines = measured
    if name != "poll":
        pytest.skip("does not poll")
    assert lines["poll: requests"]["ours"] == 4
    # Never faster than the dongle answers and the pauses allow: the limit itself would be wrong.
    assert lines["poll: time"]["ratio_min"] >= 1


def test_a_missed_goal_is_marked_but_for_a_quick_look():
    lines = [
        beside("slow", "rows/s", [(10, 20), (30, 40), (5, 50)], Goal(0.75)),
        beside("cheap", "ms", [(1, 1)], Goal(at_most=1.2)),
        Line("small", "MB", 30.0, goal=Goal(at_most=20)),
        Line("told", "s", 1.25),
    ]
    assert [line.is_met for line in lines] == [False, True, False, None]
    assert [lines[0].ratio, lines[0].ratio_min, lines[0].ratio_max] == [0.5, 0.1, 0.75]
    assert [row.count("MISSED") for row in table(lines).splitlines()] == [0, 0, 1, 0, 1, 0]
    assert "MISSED" not in table(lines, judged=False)
    assert str(lines[0]) == "slow, rows/s, 10, 40, 0.50, 0.10..0.75, >= 0.75"


def test_ours_and_the_limit_take_turns_and_the_first_round_does_not_count():
    asked = []

    def one(name: str, figure: float) -> float:
        asked.append(name)
        return figure

    pairs = in_turn(lambda n: one("ours", n), lambda n: one("limit", n + 10), rounds=3)
    assert pairs == [(1, 11), (2, 12), (3, 13)]
    assert asked == ["limit", "ours", "ours", "limit"] * 2


def test_the_number_of_devices_is_raised_until_it_breaks_and_then_narrowed_down():
    tried = []

    def trial(number: int) -> Step:
        tried.append(number)
        return Step(number, 0.1 if number <= 1000 else 0.6, {})

    held, broke = search(trial, 400, 12_800)
    assert tried == [400, 800, 1600, 1200, 1000, 1100]
    assert (held.devices, broke.devices) == (1000, 1100)
    assert search(trial, 400, 900)[1] is None
    assert search(trial, 1600, 12_800)[0].devices == 1000


@pytest.mark.parametrize(("hard", "gets"), [(4096, 3000), (2000, 2000)])
def test_a_login_of_few_files_gets_what_so_many_devices_need(hard, gets):
    program = (
        "import resource; from tests.bench.devices import _allow_files;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (1024, {hard}));"
        "_allow_files(3000); _allow_files(20);"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"({gets}, {hard})\n", done.stderr
