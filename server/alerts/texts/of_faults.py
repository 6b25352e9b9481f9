"""What faults mean in the owner's language: the page's own texts, read where one is told.

``server/static/words.faults.LANGUAGE.js`` has a line for each code, ``714: ['text', 'advice'],``,
and one for each advice, ``can: 'text',``. One source: what the page says the message says, too.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[2] / "static"
_MEANING = re.compile(r"^  (\w+): \['([^']+)', '(\w+)'\],$", re.MULTILINE)
_ADVICE = re.compile(r"^  (\w+):\s+'([^']+)',$", re.MULTILINE)
_OLDER = {0x0100: 0x5500}  # former numbers of states


class Meaning(NamedTuple):
    """A fault in one language: what it is, and what to do."""

    text: str | None
    advice: str


@cache
def _known(language: str) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    script = (FOLDER / f"words.faults.{language}.js").read_text(encoding="utf-8")
    meanings = {key: (text, advice) for key, text, advice in _MEANING.findall(script)}
    return meanings, dict(_ADVICE.findall(script))


def meaning(language: str, code: int | None, state: int | None) -> Meaning:
    """Return what a code means, or, where there is none, a state; text None: nobody knows."""
    meanings, advices = _known(language)
    key = str(code)
    if code is None and state is not None:
        key = f"0x{_OLDER.get(state, state):04X}"
    text, advice = meanings.get(key, (None, "unknown"))
    return Meaning(text, advices[advice])
