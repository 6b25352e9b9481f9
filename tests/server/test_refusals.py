"""A wrong token leaves a line in the log; nobody can fill the log with them, nor read the token."""

import fcntl
import http.client
import json
import logging
import os
import shutil
import ssl
import threading

import pytest

from server.auth.refusals import EVERY_S, SLOTS, Refusals

TOKEN = "device_wr0ng-Se-cret"
WRONG, MISSING = "unknown token", "Authorization: Bearer TOKEN is missing or malformed"


@pytest.fixture
def lines(caplog):
    """Return the fields of the lines logged since it was last called."""
    caplog.set_level(logging.INFO, "sungrow.server.auth")

    def read() -> list[tuple[str, str, int]]:
        found = [record for record in caplog.records if record.msg == "token refused"]
        caplog.clear()
        return [(record.peer, record.reason, record.count) for record in found]

    return read


@pytest.fixture(params=["two workers", "one worker alone"])
def workers(request, tmp_path) -> list[Refusals]:
    if request.param == "two workers":
        env = {"RUNTIME_DIRECTORY": str(tmp_path)}
        return [Refusals(env), Refusals(env)]
    return 2 * [Refusals({})]


def note(one: Refusals, now_s: float, peer: str = "192.0.2.7", reason: str = WRONG) -> None:
    one.note(peer, "/v1/ingest", reason, logging.WARNING, now_s)


def test_a_peer_has_one_line_a_minute_whichever_worker_it_meets(workers, lines):
    for second in range(60):
        note(workers[second % 2], 1000.0 + second)
    assert lines() == [("192.0.2.7", WRONG, 1)]
    note(workers[1], 1000.0 + EVERY_S)
    assert lines() == [("192.0.2.7", WRONG, 60)]
    note(workers[0], 5000.0)
    assert lines() == [("192.0.2.7", WRONG, 1)]


def test_another_peer_and_another_reason_have_lines_of_their_own(workers, lines):
    for one in (*workers, *workers):
        note(one, 5.0)
        note(one, 5.0, reason=MISSING)
        note(one, 5.0, peer="2001:db8::1")
    assert lines() == [
        ("192.0.2.7", WRONG, 1),
        ("192.0.2.7", MISSING, 1),
        ("2001:db8::1", WRONG, 1),
    ]


def test_however_many_peers_there_are_lines_and_file_stay_small(tmp_path, lines):
    workers = [Refusals({"RUNTIME_DIRECTORY": str(tmp_path)}) for _ in range(2)]
    for number in range(10_000):
        note(workers[number % 2], 100.0 + number / 200, peer=f"2001:db8::{number:x}")
    assert SLOTS // 2 <= len(lines()) <= SLOTS
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size <= 24 * SLOTS
    assert file.stat().st_mode & 0o777 == 0o600
    note(workers[0], 100.0 + 50 + EVERY_S)  # whoever had its slot
    assert lines() == [("192.0.2.7", WRONG, 1)]


def test_what_was_before_the_last_boot_holds_up_nothing(tmp_path, lines):
    env = {"RUNTIME_DIRECTORY": str(tmp_path)}
    note(Refusals(env), 86_400.0)
    note(Refusals(env), 3.0)
    assert len(lines()) == 2


@pytest.mark.parametrize("harm", ["removed", "cut", "a link", "nowhere"])
def test_a_file_that_somebody_harms_costs_no_line(tmp_path, lines, harm):
    folder = tmp_path / "run"
    folder.mkdir()
    one = Refusals({"RUNTIME_DIRECTORY": f"{folder}:/run/other"})
    file = folder / "refused-tokens"
    if harm == "nowhere":
        shutil.rmtree(folder)
    note(one, 1.0)
    if harm == "removed":
        shutil.rmtree(folder)
    elif harm == "cut":
        file.write_bytes(b"\xff")
    elif harm == "a link":
        file.unlink()
        file.symlink_to(tmp_path / "elsewhere")
    note(one, 100.0)
    assert len(lines()) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_worker_that_hangs_with_the_file_holds_up_no_other(tmp_path, lines):
    one = Refusals({"RUNTIME_DIRECTORY": str(tmp_path)})
    note(one, 1.0)
    held = os.open(tmp_path / "refused-tokens", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    note(one, 100.0)
    assert len(lines()) == 1
    os.close(held)
    note(one, 100.0)
    assert len(lines()) == 1


@pytest.mark.server
def test_two_real_workers_log_one_line_and_never_the_token(https_server, tmp_path):
    server = https_server(workers=2, threads=2, RUNTIME_DIRECTORY=str(tmp_path))
    trust = ssl.create_default_context(cafile=server.certificate.ca)

    def ask(path: str, header: str | None) -> int:
        connection = http.client.HTTPSConnection(
            "localhost", server.port, timeout=20, context=trust
        )
        headers = {"Authorization": header} if header else {}
        connection.request("POST" if "ingest" in path else "GET", path, headers=headers)
        with connection.getresponse() as answer:
            answer.read()
        connection.close()
        return answer.status

    def guess() -> None:
        for _ in range(5):  # the 21st would get a 429
            assert ask("/v1/ingest", f"Bearer {TOKEN}") == 401
            assert ask("/v1/realtime?device_id=x", None) == 401

    askers = [threading.Thread(target=guess) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    text = server.log.read_text()
    found = [json.loads(line) for line in text.splitlines() if "token refused" in line]
    assert sorted(
        (line["level"], line["peer"], line["part"], line["reason"], line["count"]) for line in found
    ) == [
        ("INFO", "127.0.0.1", "/v1/realtime", MISSING, 1),
        ("WARNING", "127.0.0.1", "/v1/ingest", WRONG, 1),
    ]
    assert not [part for part in (TOKEN, TOKEN[:6], TOKEN[-6:]) if part in text]
