"""Page and messages address an owner in one way: German Sie, Dutch je, French vous."""

import importlib
import re

import pytest

from server.alerts import own_texts
from server.page import FOLDER

LITERAL = re.compile(r"'((?:[^'\\\n]|\\.)+)'")
TABLES = ("TITLE", "DETAIL", "TODO", "RECOVERY", "RECOVERED", "WORDS")
OTHERS = {
    "de": r"du|dich|dir|dein(e|er|es|em|en)?",
    # Neither the sign of hours (24 u) nor an option of a command.
    "nl": r"(?<![\d}] )(?<!u00a0)(?<!-)(?<!^)u(?!$)|U(?=\s)|[Uu]w|uzelf|gij",
    "fr": r"tu|toi|ton|tes",
}
# What a German du is told to do, of verbs whose form for Sie is another word or has another vowel.
STRONG = "sieh|gib|nimm|lies|miss|vergiss|wirf|hilf|brich|tritt|lass|zieh|steck|frag|schau|geh"


def texts(language: str) -> dict[str, str]:
    """Return what page and messages say in a language, by where it stands."""
    module = importlib.import_module(f"server.alerts.texts.{language}")
    said = {f"{table}.{key}": text for table in TABLES for key, text in vars(module)[table].items()}
    said |= {f"own.{key}": text for key, text in own_texts._TEXTS[language].items()}
    for path in sorted(FOLDER.glob(f"words*.{language}.js")):
        found = LITERAL.findall(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE))
        said |= {f"{path.name}.{n}": text for n, text in enumerate(found)}
    assert len(said) > 1000
    return said


def commanded(said: dict[str, str]) -> re.Pattern:
    """Return a pattern of what a du is told to do, of the verbs that Sie are told anywhere.

    At the beginning of a sentence or of a part of it: elsewhere such a word is no command.
    """
    verbs = {verb.lower() for text in said.values() for verb in re.findall(r"(\w+)en Sie\b", text)}
    assert {"prüf", "start"} <= verbs
    words = "|".join([STRONG, *(f"{verb}e" for verb in sorted(verbs))])
    return re.compile(rf"(^|[.:,;?!]\s|\b(und|oder) )({words})\b(?!-)", re.IGNORECASE)


@pytest.mark.parametrize("language", OTHERS)
def test_an_owner_is_addressed_in_one_way(language):
    said = texts(language)
    found = {
        where: text
        for where, text in said.items()
        if re.search(rf"\b({OTHERS[language]})\b", text, re.IGNORECASE * (language != "nl"))
    }
    assert found == {}


def test_nobody_is_told_to_do_something_as_a_du():
    said = texts("de")
    command = commanded(said)
    assert {where: text for where, text in said.items() if command.search(text)} == {}


@pytest.mark.parametrize(
    "text",
    [
        "Sieh nach der Box.",
        "Bleibt es so, melde es.",
        "Heize den Raum, oder frag ihn.",
        "Starte sie.",
    ],
)
def test_a_du_is_recognised(text):
    assert commanded(texts("de")).search(text)


def test_no_french_line_begins_with_a_sign():
    said = {w: text for w, text in texts("fr").items() if w.startswith("words")}
    assert {where: text for where, text in said.items() if re.search(r"\S [:;?!»]|« ", text)} == {}
