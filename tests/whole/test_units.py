"""The unit files, as far as systemd's own tools judge them without a running systemd."""

import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from edge_lib.config import dongle_config, store_config, upload_config
from server import sandbox
from tests.support.systemd_units import analyze, exposure, needs_systemd

UNITS = sorted(
    path
    for pattern in ("sungrow-edge*.*", "sungrow-nightly.*", "sungrow-alerts.*")
    for path in (sandbox.ROOT / "systemd").glob(pattern)
)
# The exposure that systemd-analyze may find, of 10.
MOST_EXPOSED = {"sungrow-edge.service": 1.1, "sungrow-edge-backup.service": 1.1}
MOST_EXPOSED |= {"sungrow-nightly.service": 1.1, "sungrow-alerts.service": 1.1}


@pytest.fixture
def installed(tmp_path):
    """The units as installed, but for the program: that one is not here."""
    for unit in UNITS:
        text = re.sub(
            r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text(), flags=re.M
        )
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def is_unit(path: Path) -> bool:
    return path.suffix in (".service", ".timer", ".socket")


@needs_systemd
@pytest.mark.parametrize("unit", [u.name for u in UNITS if is_unit(u)])
def test_systemd_has_nothing_to_say_against_a_unit(installed, unit):
    assert analyze("verify", "--man=no", installed / unit) == ""


@needs_systemd
@pytest.mark.parametrize("unit", MOST_EXPOSED)
def test_a_service_is_hardened(installed, unit):
    assert exposure(installed / unit) <= MOST_EXPOSED[unit]


@pytest.mark.parametrize(
    "unit", sorted((sandbox.ROOT / "systemd").glob("*.service")), ids=lambda unit: unit.stem
)
def test_the_journal_has_the_lines_of_a_unit_under_its_own_name(unit):
    assert f"\nSyslogIdentifier={unit.stem}\n" in unit.read_text()


def test_the_example_of_the_edges_settings_has_each_once_with_its_default_and_a_comment_above():
    lines = (sandbox.ROOT / "systemd" / "edge.env.example").read_text().splitlines()
    example = {}
    for above, line in pairwise(lines):
        if setting := re.fullmatch(r"(#?)([A-Z_]+)=(.*)", line):
            assert re.match(r"# [A-Z].*\.?", above), line
            assert setting[2] not in example
            example[setting[2]] = setting[3] if setting[1] else None
    required = {"SUNGROW_HOST": "h", "DEVICE_ID": "d", "VPS_INGEST_URL": "https://x"}
    assert {name for name, default in example.items() if default is None} == set(required)
    texts = [
        (sandbox.ROOT / f"edge_lib/{name}.py").read_text() for name in ("config", "shared/env")
    ]
    names = set(re.findall(r'"([A-Z][A-Z_]{4,})"', "".join(texts))) - {"DEBUG", "ERROR", "WARNING"}
    assert set(example) == names | {"VPS_TOKEN_FILE"}
    least = required | {"VPS_TOKEN": "t"}
    given = least | {k: v for k, v in example.items() if v and not k.startswith("VPS_")}
    for read in (dongle_config, store_config, upload_config):
        assert read(given) == read(least)
