"""The fault words of one poll as the text that a sample takes; pure, for ``decode``.

A WiNet-S answers 0 for a word that it lacks: "no fault" and "cannot say" look alike here, and the
server keeps apart by what it has ever seen.
"""

from edge_lib.dongle.registers import FAULT_WORDS

MOST = 64  # characters: what an older server takes of a field that it does not know
_NO_VALUE = 0xFFFF_FFFF  # Source: P16, 1.2
_MORE = " +"
# Where there is not room for all: the gravest first, and last what only says that nothing is known.
_GRAVEST = (13060, 13064)  # permanent
_GRID, _ALARMS = 13052, (13050, 13068, 13070, 13078)
_WORDS = range(FAULT_WORDS[0].number, FAULT_WORDS[-1].number + FAULT_WORDS[-1].words)


def text(words: dict[int, int]) -> str | None:
    """Return the words that are not 0: ``13052=100 13066=4000``; None: none of them was read."""
    if not any(map(words.get, _WORDS)):  # as nearly always
        return "" if all(number in words for number in _WORDS) else _partly(words)
    return _partly(words)


def _partly(words: dict[int, int]) -> str | None:
    found: dict[int, int | None] = {}
    for register in FAULT_WORDS:
        low, high = words.get(register.number), words.get(register.number + 1)
        known = None if low is None or high is None else low | high << 16
        found[register.number] = None if known == _NO_VALUE else known
    if not any(register.number in words for register in FAULT_WORDS):
        return None
    told = [number for number, value in found.items() if value != 0]
    whole = " ".join(_one(number, found[number]) for number in told)
    if len(whole) <= MOST:
        return whole
    short = ""
    for number in sorted(told, key=lambda number: (found[number] is None, _rank(number), number)):
        longer = f"{short} {_one(number, found[number])}".strip()
        if len(longer) + len(_MORE) > MOST:
            break
        short = longer
    return short + _MORE


def _one(number: int, value: int | None) -> str:
    return f"{number}=?" if value is None else f"{number}={value:X}"


def _rank(number: int) -> int:
    if number in _GRAVEST:
        return 0
    if number == _GRID:
        return 2
    return 3 if number in _ALARMS else 1
