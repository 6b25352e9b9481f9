"""What a reader may rely on everywhere in the tree, and what the documents say of it."""

import ast
import functools
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

from edge_lib import VERSION
from edge_lib.config import dongle_config, store_config, upload_config
from server import sandbox
from server import settings as server_settings
from server.api.series_query import ALL, FRAMES
from tests.chaos.hostile_requests import ENDPOINTS
from tests.support import documents

ROOT = sandbox.ROOT
_IMPORTED_BY_PAGE = re.compile(r"(?:from |import\()'\./([\w.]+\.js)'")
CODE = sorted(
    path
    for path in [ROOT / "edge.py", *ROOT.glob("edge_lib/**/*.py"), *ROOT.glob("server/**/*.py")]
)
EDGE = [path for path in CODE if "server" not in path.relative_to(ROOT).parts]
# The sandbox stands outside: its demo is the whole chain.
SERVER = [p for p in CODE if p not in EDGE and "sandbox" not in p.relative_to(ROOT).parts]


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


@functools.cache
def imported(path: Path) -> set[str]:
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(name: str) -> str:
    """Return ``edge_lib.spool`` of ``edge_lib.spool.rows.ts_us``; a file of no room is its own."""
    return ".".join(name.split(".")[:2])


def named(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


# What each room may know beside itself: whoever adds an arrow here adds it to the picture.
ROOMS = {
    "edge_lib.shared": set(),
    "edge_lib.dongle": {"shared", "clock", "config", "repeat_log", "address_lock"},
    "edge_lib.p1": {"shared", "clock", "address_lock", "p1_config"},
    "edge_lib.spool": {"shared", "clock", "repeat_log", "best_effort"},
    "edge_lib.upload": {
        "shared",
        "clock",
        "config",
        "spool",
        "repeat_log",
        "best_effort",
        "poll_counts",
    },
    "edge_lib.doctor": {
        "shared",
        "clock",
        "config",
        "dongle",
        "spool",
        "upload",
        "health",
        "poller",
        "p1",
        "p1_config",
    },
    "edge_lib.simulator": {"shared", "dongle", "clock", "p1"},
}


# The same of the server. Commands and the app stand above all rooms, and nobody imports them.
SERVER_ROOMS = {
    "server.plane": set(),
    "server.database": {"plane"},
    "server.auth": set(),
    "server.redis_url": set(),
    "server.settings": {"auth", "database", "redis_url"},
    "server.cache": {"database", "settings"},
    "server.house": {"database"},
    "server.referee": {"database"},
    "server.api": {"auth", "database", "house", "roof"},
    "server.p1": {"api", "auth", "cli", "database", "house", "referee", "settings"},
    "server.page": {"api", "auth", "page_login"},
    "server.page_login": {"api", "auth"},
    "server.metrics": {"api", "database"},
    "server.grafana": {"cli", "settings"},
    "server.alerts": {"cli", "database", "settings"},
    "server.battery": {"auth", "cli", "database", "settings"},
    "server.nightly": {"battery", "cli", "database", "roof", "settings"},
    "server.doctor": {"auth", "cache", "database", "nightly", "settings"},
    "server.cli": {"database", "settings"},
    "server.roof": {"plane"},
    "server.sandbox": set(),
}


@pytest.mark.parametrize("room", SERVER_ROOMS)
def test_a_room_of_the_server_knows_no_more_than_it_says(room):
    allowed = {room, *(f"server.{name}" for name in SERVER_ROOMS[room])}
    for path in ROOT.glob("server/**/*.py"):
        if room_of(named(path)) == room:
            names = {name for name in imported(path) if name.startswith("server.")}
            assert {room_of(name) for name in names} <= allowed, path


def test_every_room_of_the_server_is_in_that_list():
    rooms = {room_of(named(path)) for path in ROOT.glob("server/*/**/*.py")}
    assert rooms <= SERVER_ROOMS.keys()
    maps = ((ROOT / "docs/architecture.md").read_text(), (ROOT / "server/__init__.py").read_text())
    folders = {room.partition(".")[2] for room in rooms}
    assert not [name for name in folders if f"| `server/{name}/` |" not in maps[0]]
    assert not [name for name in folders if f"``{name}``" not in maps[1]]


def test_the_estimator_of_the_battery_is_pure():
    known = {"__main__.py", "settings_table.py"}  # what its owner sets is in the database
    for path in (ROOT / "server/battery").glob("*.py"):
        if path.name not in known:
            names = {name for name in imported(path) if name.startswith("server.")}
            assert {room_of(name) for name in names} <= {"server.battery"}, path
            assert "psycopg2" not in imported(path), path


def test_the_analysis_of_the_roof_is_pure():
    for path in (ROOT / "server/roof").glob("*.py"):
        names = {name for name in imported(path) if name.startswith("server.")}
        assert {room_of(name) for name in names} <= {"server.plane", "server.roof"}, path
        assert "psycopg2" not in imported(path), path


def test_a_command_starts_without_the_app():
    names = ("migrate", "rebuild", "tokens", "pg", "p1.__main__", "battery.__main__")
    program = f"import sys, {', '.join(f'server.{name}' for name in names)}; print(*sys.modules)"
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"flask", "redis", "werkzeug"} & set(done.stdout.split())


@pytest.mark.parametrize("path", SERVER, ids=named)
def test_the_server_knows_no_more_of_the_edge_than_what_both_share(path):
    known = {room_of(name) for name in imported(path) if name.startswith("edge_lib")}
    assert known <= {"edge_lib", "edge_lib.shared", "edge_lib.VERSION"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_no_more_than_it_says(room):
    allowed = {"edge_lib", "edge_lib.VERSION", room, *(f"edge_lib.{name}" for name in ROOMS[room])}
    for path in EDGE:
        if f"{named(path)}.".startswith(f"{room}."):
            known = {room_of(name) for name in imported(path) if name.startswith("edge_lib")}
            assert known <= allowed, path


def graph(key) -> dict[str, set[str]]:
    """Return who imports whom in the edge, seen through ``key``: of a name, its room or file."""
    arrows = {}
    for path in EDGE:
        whom = {key(name) for name in imported(path) if name.startswith("edge_lib")}
        arrows.setdefault(key(named(path)), set()).update(whom)
    return {one: others - {one} for one, others in arrows.items()}


FILES = {named(path) for path in EDGE}


def file_of(name: str) -> str:
    return name if name in FILES else name.rpartition(".")[0]


@pytest.mark.parametrize("key", [room_of, file_of])
def test_nothing_in_the_edge_imports_in_a_circle(key):
    arrows = graph(key)
    assert len(arrows) > 10
    list(TopologicalSorter(arrows).static_order())  # raises CycleError


def test_no_module_of_the_page_imports_in_a_circle():
    modules = sorted((ROOT / "server/static").glob("*.js"))
    arrows = {one.name: set(_IMPORTED_BY_PAGE.findall(one.read_text())) for one in modules}
    assert arrows["system_view.js"] > {"words.js"}
    list(TopologicalSorter(arrows).static_order())  # raises CycleError


def test_the_edge_knows_nothing_of_the_server():
    for path in EDGE:
        assert not {name for name in imported(path) if name.split(".")[0] == "server"}, path


def test_nobody_sleeps_through_a_stop():
    for path in [*CODE, *ROOT.glob("tests/**/*.py")]:
        if path != Path(__file__):
            assert "time.sleep" not in path.read_text(), path


def test_the_edge_reads_clocks_in_one_place():
    for path in EDGE:
        if path.name != "clock.py":
            found = re.findall(r"datetime\.now\(|\btime\.\w+\(|\btoday\(", path.read_text())
            assert not found, (path, found)


def test_one_place_catches_everything_for_the_thread_bodies_and_the_bookkeeping_beside_readings():
    broad = [path.name for path in CODE if "except Exception" in path.read_text()]
    # Of the cache nothing may reach a caller; of a job of the night, and of a rule or a channel of
    # the alerts, nothing the next one.
    assert broad == ["best_effort.py", "alone.py", "cache.py", "runner.py"]
    users = [path.name for path in CODE if "edge_lib.best_effort.BestEffort" in imported(path)]
    polls = ["health.py", "p1_poller.py", "poller.py"]
    assert users == ["edge.py", *polls, "attempts.py", "beside.py", "uploader.py"]


def texts_of(path: Path) -> list[str]:
    """Every text in the code but its docstrings."""
    lone = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in nodes(path)
        if isinstance(node, ast.Constant) and type(node.value) is str and id(node) not in lone
    ]


def test_commands_are_named_in_one_place_as_this_machine_has_them():
    for path in CODE:
        if path.name not in (
            "command_names.py",
            "dump.py",
        ):  # a dump names the program that made it
            named = [t for t in texts_of(path) if re.search(r"edge\.py [a-z]|-m server\.", t)]
            assert not named, path


# What a native reader stumbles over, in docstrings and messages.
DIALECT = re.compile(
    r"\A(?:Gives?|Tells?) |(?<![Tt]here )\b(?:is|are) no (?!longer|more)"
    r"|\bhangs? on\b|\b[Ww]hoever\b"
)


@pytest.mark.parametrize("path", SERVER, ids=named)
def test_the_server_is_written_in_plain_english(path):
    texts = [node.value for node in nodes(path) if is_text(node)]
    assert not [text for text in texts if DIALECT.search(text)]


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is str


def test_no_function_is_longer_than_fifty_lines():
    for path in CODE:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 50, f"{path.name}: {node.name}"


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == VERSION
    assert "Unreleased" not in headings[1:]


def test_the_version_stands_in_one_place():
    places = [*CODE, *ROOT.glob("*.toml")]
    found = [path.relative_to(ROOT) for path in places if f'"{VERSION}"' in path.read_text()]
    assert found == [Path("edge_lib/__init__.py")]


@pytest.mark.parametrize("file", ["requirements-edge.txt", "requirements-server.txt"])
def test_every_package_that_runs_is_pinned_with_all_that_it_needs(file):
    names = re.findall(r"^([\w.-]+)==[\w.]+(?:; .*)?$", (ROOT / file).read_text(), re.MULTILINE)
    pinned = {name.lower().replace("_", "-") for name in names}
    lines = (ROOT / file).read_text().splitlines()
    assert len(names) == len([line for line in lines if line and not line.startswith("#")])
    for name in pinned - {"async-timeout"}:  # only on a Python older than this one
        for need in metadata.requires(name) or []:
            if ";" not in need:
                needed = re.match(r"[\w.-]+", need).group().lower().replace("_", "-")
                assert needed in pinned, f"{name} needs {needed}"


@pytest.mark.parametrize("path", [f"/v1/series?frame={frame}" for frame in (*FRAMES, ALL)])
def test_the_documents_show_every_frame(path):
    assert f"frame={path.partition('=')[2]}" in DOCUMENTS


def test_the_documents_list_every_endpoint(database_url, tmp_path):
    from server import create_app

    settings = {"DEVICE_TOKENS": "t:d", "METRICS_TOKEN": "m", "SECRET_KEY": "k" * 32}
    settings["RUNTIME_DIRECTORY"] = str(tmp_path)
    app = create_app({"DATABASE_URL": database_url, "LOG_LEVEL": "ERROR", **settings})
    for rule in app.url_map.iter_rules():
        # The page's own files: nothing to ask for.
        if rule.endpoint in ("page.static", "page.service_worker", "page.icon"):
            continue
        assert f"$URL{rule.rule}" in DOCUMENTS, rule.rule
        assert "<" in rule.rule or rule.rule in ENDPOINTS, "no hostile request goes there"


@pytest.mark.parametrize("module", ["config", "p1_config", "shared/env"])
def test_the_documents_list_every_setting_of_the_edge(module):
    names = set(re.findall(r'"([A-Z][A-Z0-9_]{4,})"', (ROOT / f"edge_lib/{module}.py").read_text()))
    levels = {"DEBUG", "ERROR", "WARNING"}
    assert not {name for name in names - levels if f"`{name}`" not in DOCUMENTS}


def test_the_symptoms_name_what_an_installed_machine_has():
    text = (ROOT / "docs/troubleshooting.md").read_text()
    lines = text[text.index("| symptom |") :].splitlines()
    assert len(lines) >= 13
    assert not [line for line in lines if "edge.py" in line or "python -m" in line]


def test_the_documents_list_every_setting_of_the_server():
    assert not {name for name in settings_of_the_server() if f"`{name}`" not in DOCUMENTS}


def settings_of_the_server() -> set[str]:
    text = (ROOT / "server/settings.py").read_text() + (ROOT / "server/auth/callers.py").read_text()
    names = set(re.findall(r'"([A-Z][A-Z_]{4,})"', text))
    return {"LOG_LEVEL"} | {name.removesuffix("_FILE") for name in names}


def test_the_example_of_the_servers_settings_holds_exactly_those_with_a_comment_above_each():
    text = (ROOT / "systemd/server.env.example").read_text()
    names = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert names == re.findall(r"^# .+\n#?([A-Z_]+)=", text, re.MULTILINE)
    given = [name.removesuffix("_FILE") for name in names]
    assert sorted(given) == sorted(settings_of_the_server() - {"RUNTIME_DIRECTORY"})


def test_what_is_commented_out_in_that_example_are_the_defaults():
    text = (ROOT / "systemd/server.env.example").read_text()
    url = {"DATABASE_URL": "postgresql://x"}
    commented = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert len(commented) >= 6
    assert tuple(server_settings.read({**url, **commented})) == tuple(server_settings.read(url))


def test_the_defaults_in_the_readme_are_those_of_the_code():
    env = {
        "SUNGROW_HOST": "h",
        "DEVICE_ID": "d",
        "VPS_INGEST_URL": "https://x",
        "VPS_TOKEN": "t",
    }
    dongle, upload, store = dongle_config(env), upload_config(env), store_config(env)
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", DOCUMENTS, re.MULTILINE))
    assert float(rows["POLL_INTERVAL_S"]) == dongle.poll_interval_s
    assert float(rows["INTER_REGISTER_DELAY_MS"]) == dongle.inter_register_delay_s * 1000
    assert float(rows["MODBUS_TIMEOUT_S"]) == dongle.modbus_timeout_s
    assert float(rows["UPLOAD_INTERVAL_S"]) == upload.upload_interval_s
    assert int(rows["BATCH_SIZE"]) == upload.batch_size
    assert float(rows["MAX_BACKOFF_S"]) == upload.max_backoff_s
    assert rows["SPOOL_PATH"] == f"`{store.spool_path}`"
    assert float(rows["SPOOL_KEEP_DAYS"]) == store.spool_keep_days
    assert rows["HEALTH_PATH"] == f"`{store.health_path}`"


DOCUMENTS = documents.everything()
