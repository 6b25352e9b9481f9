"""Without its packages a program says in one line what to do, with the status of a bad setting."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from edge_lib import VERSION
from server import sandbox

COMMANDS = sorted(
    f"server.{path.stem if path.stem != '__main__' else path.parent.name}"
    for path in [*sandbox.ROOT.glob("server/*.py"), *sandbox.ROOT.glob("server/*/__main__.py")]
    if '\nif __name__ == "__main__":' in path.read_text()
)


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess:
    """Run Python as it is without any package: ``-S`` leaves out where they are."""
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        env=sandbox.environment(PYTHONDONTWRITEBYTECODE="1", **env),
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def advice(name: str, side: str) -> str:
    return (
        f"the Python package {name} is missing; in the project's folder run: python3 -m venv .venv "
        f"&& .venv/bin/pip install -r requirements-{side}.txt; then use .venv/bin/python\n"
    )


@pytest.mark.parametrize("arguments", [[], ["simulate"], ["status"], ["doctor"], ["once"]])
def test_the_edge_says_how_to_get_its_packages(arguments):
    done = run("edge.py", *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == advice("requests", "edge")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_server_says_how_to_get_its_packages(command):
    done = run("-m", command)
    assert (done.returncode, done.stdout) == (78, "")
    named = {advice(name, "server") for name in ("psycopg2", "flask")}
    assert done.stderr in named


def test_an_installed_one_is_installed_again():
    told = [run(*of, SUNGROW_INSTALLED="1") for of in (["edge.py"], ["-m", "server.doctor"])]
    assert [done.stderr for done in told] == [
        "the Python package requests is missing; run systemd/install-edge again\n",
        "the Python package psycopg2 is missing; run systemd/install-server again\n",
    ]


def test_help_and_version_need_no_package():
    assert run("edge.py", "--version").stdout == f"{VERSION}\n"
    for arguments in (["--help"], ["simulate", "--help"]):
        done = run("edge.py", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: edge.py")
    assert run("edge.py", "--nonsense").returncode == 2


@pytest.mark.parametrize(
    ("command", "side"), [(["edge.py", "status"], "edge"), (["-m", "server.tokens"], "server")]
)
def test_a_package_that_is_asked_for_late_is_missed_as_well(command, side, tmp_path):
    # As on a Debian that has some of them of its own, and python-dotenv not.
    packages = Path(metadata.distribution("requests").locate_file(""))
    for path in packages.iterdir():
        if "dotenv" not in path.name and path.suffix != ".pth":
            (tmp_path / path.name).symlink_to(path)
    done = run(*command, *(["list"] if side == "server" else []), PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (78, advice("dotenv", side))


@pytest.mark.parametrize("command", [["edge.py", "status"], ["-m", "server.migrate"]])
def test_a_file_of_ours_that_is_missing_is_no_package(command, tmp_path):
    for name in ("edge.py", "edge_lib", "server"):
        place = tmp_path / name
        if name == "edge.py":
            place.write_bytes((sandbox.ROOT / name).read_bytes())
            continue
        place.mkdir()
        for path in (sandbox.ROOT / name).iterdir():
            if path.name not in ("poller.py", "settings.py"):
                (place / path.name).symlink_to(path)
    done = subprocess.run(
        [sys.executable, *command],
        env=sandbox.environment(PYTHONDONTWRITEBYTECODE="1"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "requirements" not in done.stderr
    missing = "edge_lib.poller" if command[0] == "edge.py" else "settings"
    assert missing in done.stderr.splitlines()[-1]
