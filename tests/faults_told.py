"""Every bit as a message and as a row of the page: more of ``python -m tests.faults``."""

import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from server import sandbox
from server.alerts import fate, run, settings
from server.page import FOLDER, LANGUAGES
from tests.browser.browser import Browser, browser
from tests.support.alert_servers import Web, ntfy
from tests.support.alerts import live_reading
from tests.support.readings import connected, rows, store

if TYPE_CHECKING:
    from tests.faults import Expected

MINUTE = timedelta(minutes=1)
HELD = 13 * MINUTE  # longer than any rule of faults wants it to hold
GRID = 13052
TABLE = "#faults + * tbody tr"
READ_ROWS = """return [...document.querySelectorAll(arguments[0])].map((row) =>
  [row.cells[0].innerText, row.querySelector('b').innerText, row.querySelector('p').innerText])"""
_MEANING = re.compile(r"^  (\w+): \['([^']+)', '(\w+)'\],$", re.MULTILINE)
_NAMED = re.compile(r"^  (\w+):\s+'([^']+)',$", re.MULTILINE)


def meanings(language: str) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return what the page has for each code, and its texts by their names."""
    script = (FOLDER / f"words.faults.{language}.js").read_text(encoding="utf-8")
    found = {code: (text, advice) for code, text, advice in _MEANING.findall(script)}
    return found, dict(_NAMED.findall(script))


def said(bit: "Expected", language: str) -> tuple[str, str]:
    """Return text and advice of a bit in a language, as the page has to say them."""
    codes, named = meanings(language)
    if str(bit.code) in codes:
        text, advice = codes[str(bit.code)]
        return text, named[advice]
    return named["code_unknown"].replace("{code}", str(bit.code)), named["unknown"]


def house(bit: "Expected") -> str:
    """Return the device that has this bit, and no other."""
    return f"b-{bit.word}-{bit.bit:02}"


def wrong_messages(
    url: str, shown: Sequence[tuple["Expected", str]], language: str
) -> list[tuple["Expected", list[str]]]:
    """Let each bit hold in a house of its own; return those whose message is not as it must be.

    Args:
        url: of an empty database of the product.
        shown: each bit, with ``faults`` of a sample as the edge made it of the registers.
        language: of the owner.
    """
    now = datetime(2026, 5, 5, 10, 0, 30, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as name, connected(url) as database:
        folder = Path(name)
        for bit, faults in shown:
            moments = [now - n * MINUTE for n in range(1, HELD // MINUTE)]
            store(database, house(bit), [live_reading(ts, faults=faults) for ts in moments])
        rows(database, "UPDATE sungrow_samples SET received_at = ts")
        _had_trips(database, [house(bit) for bit, _ in shown if bit.word == GRID], now)
        certificate = sandbox.Authority(folder / "ca").issue()
        with Web(certificate, ntfy) as web:
            env = {
                "DATABASE_URL": url,
                "ALERT_NTFY_URL": f"{web.url}/topic",
                "ALERT_CA_FILE": str(certificate.ca),
                "ALERT_LANGUAGE": language,
                "ALERT_STATE_PATH": str(folder / "state.json"),
            }
            _run_until_all_is_sent(settings.read(env), database, now)
            told: dict[str, list[str]] = {}
            for one in web.taken:
                title, text = one.json["title"], one.json["message"]
                told.setdefault(title.partition(":")[0], []).append(f"{title}\n{text}")
    return [
        (bit, told.get(house(bit), []))
        for bit, _ in shown
        if not _is_right(bit, told.get(house(bit), []), language)
    ]


def _is_right(bit: "Expected", messages: list[str], language: str) -> bool:
    """Return whether there is one message, which says all, and the code in its title."""
    if len(messages) != 1:
        return False
    title = messages[0].splitlines()[0]
    text, advice = said(bit, language)
    is_known = str(bit.code) in meanings(language)[0]
    if language == "en":
        text, advice = bit.text, bit.advice or advice
    has_text = f"{bit.code} - {text}: " in messages[0] if is_known else str(bit.code) in messages[0]
    return str(bit.code) in title and has_text and advice in messages[0]


def _had_trips(database, houses: list[str], now: datetime) -> None:
    """The grid's business is told from the third time within a day on."""
    for device in houses:
        for ago in (5, 10):
            began = now - timedelta(hours=ago)
            rows(
                database,
                "INSERT INTO sungrow_alerts (device_id, rule, key, severity, state, since,"
                " opened_at, last_true_at, closed_at) VALUES (%s, 'grid_trip', %s, 'info',"
                " 'closed', %s, %s, %s, %s)",
                *(device, str(GRID), began, began, began, began + 20 * MINUTE),
            )


def _run_until_all_is_sent(known: settings.Settings, database, now: datetime) -> None:
    usual, fate.MOST_A_DAY = fate.MOST_A_DAY, 10**6  # of so many houses at once
    try:
        for _ in range(30):
            assert run.once(known, lambda at=now: at) == 0
            waiting = (
                "SELECT count(*) AS n FROM sungrow_alert_outbox"
                " WHERE delivered_at IS NULL AND dropped_at IS NULL"
            )
            if rows(database, waiting) == [{"n": 0}]:
                return
            now += 3 * MINUTE
    finally:
        fate.MOST_A_DAY = usual


def wrong_rows(
    url: str, token: str, shown: Sequence["Expected"]
) -> dict[str, list[tuple["Expected", object]]]:
    """Open System in each language with all these faults; return the rows that are wrong."""
    wrong = {}
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as page:
        for language in LANGUAGES:
            page.language(language)
            page.log_in(f"{url}/?view=system", token)
            wrong[language] = _compared(page, shown, language)
    return wrong


def _compared(
    page: Browser, shown: Sequence["Expected"], language: str
) -> list[tuple["Expected", object]]:
    page.wait(lambda: len(page.all(TABLE)) == len(shown), "not all rows are there", 60)
    table = {code: (text, advice) for code, text, advice in page.run(READ_ROWS, TABLE)}
    found = [(bit, table.get(str(bit.code))) for bit in shown]
    return [(bit, row) for bit, row in found if row != said(bit, language)]
