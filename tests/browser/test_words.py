"""The words of the page: one module a language, the same in each, and nowhere else."""

import re
from pathlib import Path

import pytest

from server.page import FOLDER, LANGUAGES
from tests.browser.test_shape import violations

MODULES = sorted(
    path for path in FOLDER.glob("*.js") if not path.name.startswith(("words.", "too_old", "sw."))
)
# A value of a key: a text, or texts by plural form.
TEXT = r"'((?:[^'\\]|\\.)*)'"
KEY = re.compile(rf"^  (\w+):\s*(?:{TEXT}|\{{([^}}]*(?:\{{\w+\}}[^}}]*)*)\}}),$", re.MULTILINE)
# What people do not read: keys of the keyboard, names of errors, headers, methods, and the like.
NAMES = re.compile(
    r"(Arrow|Page)(Up|Down|Left|Right)|Home|End|Enter|Escape|Tab|(Abort|Api|Type|Syntax)Error"
    r"|POST|DELETE|[./]\S*|Date|Retry-After|X-[\w-]+|Content-Type|UTC|Highlight|P1|Etc/.*"
)


def words(language: str) -> dict[str, list[str]]:
    """Return the texts of each key of a language."""
    parts = ("", "referee.", "battery.", "roof.")
    text = "".join((FOLDER / f"words.{part}{language}.js").read_text() for part in parts)
    found = {}
    for key, one, several in KEY.findall(text):
        assert key not in found, f"{key} is there twice"
        found[key] = [one] if not several else re.findall(TEXT, several)
    return found


def literals(path: Path) -> list[str]:
    """Return the texts between quotes of a module, without its comments."""
    code = re.sub(r"^\s*//.*$|\s//\s[^'\"`\n]*$", "", path.read_text(), flags=re.MULTILINE)
    code = re.sub(r"^import [^;]*;$", "", code, flags=re.MULTILINE)
    return re.findall(r"'([^'\n]*)'|`([^`\n]*)`", code)


def is_prose(text: str) -> bool:
    """Return whether people would read this: it begins with a capital, or has a comma or a stop."""
    text = re.sub(r"\$\{[^}]*\}", " ", text)
    if NAMES.fullmatch(text) or re.fullmatch(r"[MLHVCQZmlhvcqz\d .,-]+", text):
        return False
    sentence = "[a-z]{2,}[,.:;\N{HORIZONTAL ELLIPSIS}\N{RIGHT SINGLE QUOTATION MARK}] ?[a-z]{2,}"
    return bool(re.match(r"[A-Z][a-z]+", text) or re.search(sentence, text))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_word_stands_elsewhere(path):
    found = [text for pair in literals(path) for text in pair if text and is_prose(text)]
    assert found == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_all_languages_have_the_same_keys_and_places(language):
    english, other = words("en"), words(language)
    assert list(other) == list(english)
    for key, texts in english.items():
        places = [set(re.findall(r"\{(\w+)\}", text)) for text in (*texts, *other[key])]
        assert len(set(map(frozenset, places))) == 1 or len(texts) > 1, key
        assert set().union(*places) == set().union(*places[: len(texts)]), key
        assert len(other[key]) == len(texts), key
        assert all(map(bool, texts)) == all(map(bool, other[key])), key


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_language_is_a_copy_of_english(language):
    english, other = words("en"), words(language)
    long = [key for key, texts in english.items() if len(" ".join(texts)) > 24]
    assert len(long) > 40
    assert [key for key in long if other[key] == english[key]] == []


def test_every_word_is_used_and_every_word_used_is_there():
    code = "\n".join(path.read_text() for path in MODULES)
    known = set(words("en"))
    used = set(re.findall(r"\bt\(\s*'(\w+)'", code))
    assert used - known == set()
    texts = set(re.findall(r"'(\w+)'", code))
    stems = set(re.findall(r"[`']([a-z][a-z_]*_)\$\{", code))
    stems |= {f"{stem}_" for stem in re.findall(r"\bnamed\('(\w+)'", code)}
    unused = {
        key
        for key in known - used - texts
        if not key.startswith(("frame_", *stems)) and key.removesuffix("_name") not in known
    }
    assert unused == set()


@pytest.mark.parametrize(
    ("language", "tab", "title", "number"),
    [
        ("de-AT", "Verlauf", "Oktober 2026", r"\d,\d"),
        ("nl-NL", "Verloop", "oktober 2026", r"\d,\d"),
        ("fr-FR", "Historique", "octobre 2026", r"\d,\d"),
        ("en-US", "History", "October 2026", r"\d\.\d"),
        ("th-TH", "History", "October 2026", r"\d\.\d"),
        ("ar-EG", "History", "October 2026", r"\d\.\d"),
    ],
)
def test_words_dates_and_numbers_are_of_one_language(home, site, language, tab, title, number):
    home.language(language)
    try:
        home.open(site.url + "/?view=month&date=2026-10-01")
        home.wait_text("h1", title)
        home.wait(lambda: home.all("tbody tr"), "no table")
        assert tab in home.text("#views")
        assert re.search(number, home.text("tbody"))
        assert home.run("return document.documentElement.lang") == language[:2] or tab == "History"
        assert violations(home) == []
    finally:
        home.language("en-GB")


@pytest.mark.parametrize("language", ["de", "nl", "fr"])
def test_each_view_of_each_language_fits_a_phone(home, site, language):
    home.resize((360, 740))
    home.language(language)
    try:
        for name in ("now", "day", "month", "system"):
            home.open(site.url + ("/" if name == "now" else f"/?view={name}&date=2026-10-24"))
            home.wait(lambda: home.all("main h1"), "nothing")
            home.wait(
                lambda: not home.run("return document.querySelector('[data-state=loading]')"), name
            )
            assert home.run("return document.documentElement.scrollWidth") <= 360, name
            bar = home.run(
                "return [...document.querySelectorAll('#views > :not(.later) span')].map((n) =>"
                " n.scrollWidth - n.parentNode.clientWidth)"
            )
            assert max(bar) <= 0
    finally:
        home.language("en-GB")


def test_the_frame_is_in_the_language_too(site, page):
    page.language("fr")
    try:
        page.open(site.url + "/")
        page.wait_text("h1", "Se connecter")
        assert page.run("return document.querySelector('.skip').textContent") == "Aller au contenu"
        page.all("#token")[0].send_keys("nobody")
        page.click("form button")
        page.wait_text("[role=alert]", "ne connaît pas")
        assert page.run("return document.title").startswith("Se connecter")
    finally:
        page.language("en-GB")
