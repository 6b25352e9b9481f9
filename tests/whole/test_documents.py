"""Links, commands and files in the documents exist, and they are written in plain English."""

import ast
import functools
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import ALL, DOCUMENTS, README, ROOT, commands

MOST_LINES = 250
# From Python 3.12 on, the text of an f-string comes in pieces of its own.
STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
LINK = re.compile(r'\]\(([^)\s]+)\)|<img src="([^"]+)"')
PYTHON = sorted(
    path
    for path in [ROOT / "edge.py", ROOT / "gunicorn.conf.py", *ROOT.glob("*/**/*.py")]
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
# Marks of a dialect that is not English, and what a native reader writes in their place.
DIALECT = {
    r"\b[Ww]ho(so)?ever\b": "anyone who, a client that",
    r"(?<![Tt]here )\b(is|are) no (?!longer|more)": "is not a",
    r"(?<!register )\b[Ww]ords\b": "text, message, register words",
    r"\bhangs? on nothing\b": "never hangs",
    r"\b(stand|stands|standing|stood)\b(?! for| still| out| in front| behind the same)": "is, is "
    "written, is listed",
    r"\banew\b": "again",
    r"\b[Gg]ives? (back|out)\b": "returns, runs out",
    r"\b(tell|tells|told) of\b": "reports",
    r"\b(is|are) to be\b": "must be",
    r"\bcan be no\b": "cannot be",
    r"\bnobody but\b": "only",
}

# Of these, what the comments and messages of the code may say: a register has words.
OF_CODE = {mark: better for mark, better in DIALECT.items() if "[Ww]ords" not in mark}
# A released file of sql/ is never edited, and its comment is that of the table.
RELEASED = set(ROOT.glob("sql/[0-9]*.sql"))
# In other languages.
FOREIGN = {
    path
    for language in ("nl", "de", "fr")
    for path in ROOT.glob(f"server/static/words*.{language}.js")
}
CODE = sorted(
    path
    for place in ("*.py", "edge_lib/**/*", "server/**/*", "sql/**/*", "systemd/*")
    for path in ROOT.glob(place)
    if path.suffix in {".py", ".sql", ".sh", ".js", ".service", ".socket", ".timer", ".conf", ""}
    if path.is_file() and path not in RELEASED | FOREIGN
)

# What docstrings no longer begin with, and what no text of the code says any more. It grows.
NOT_AT_THE_START = ("Give", "Tell whether")
NOT_IN_CODE = re.compile(r"stands one at a time|\bWLAN\b|hangs? on nothing|makes up for nothing")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return what GitHub makes of the headings of a document."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def links(path: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = [one or other for one, other in LINK.findall(text)]
    return [target for target in found if not target.startswith(("http:", "https:"))]


def test_a_newcomer_reads_the_readme_from_top_to_bottom():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(path):
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_document_is_reached_from_the_readme():
    reached, ahead = set(), [README]
    while ahead:
        path = ahead.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        ahead += [(path.parent / link.partition("#")[0]).resolve() for link in links(path)]
    assert {relative(path) for path in ALL} <= {relative(path) for path in reached}


@pytest.mark.parametrize("unit", sorted(ROOT.glob("systemd/sungrow-*.*")), ids=relative)
def test_the_document_of_every_unit_exists_and_is_installed(unit):
    script = (ROOT / "systemd/install-edge").read_text(encoding="utf-8")
    parts = re.search(r"for part in (edge\.py .*); do", script)[1].split()
    named = re.findall(r"^Documentation=(\S+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) == 1 or unit.name == "sungrow-edge-backup.timer"
    for place in named:
        name = place.partition("/current/")[2]
        assert (ROOT / name).is_file(), place
        # The server's installer takes everything, the edge's what it names.
        assert name.partition("/")[0] in parts or "sungrow-server" in place


def test_what_a_message_calls_by_its_heading_has_that_heading():
    messages = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("systemd/*.sh"))
    named = re.findall(r"\((docs/[\w-]+\.md): ([^)]+)\)", messages)
    assert named
    for document, heading in named:
        assert f"\n## {heading}\n" in (ROOT / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_every_file_that_is_named_exists(path):
    named = re.findall(
        r"`((?:edge_lib|server|sql|systemd|tests|docs)/[\w./-]*)`", path.read_text(encoding="utf-8")
    )
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_test_that_the_catalogue_of_failures_names_exists():
    text = (ROOT / "tests/chaos/README.md").read_text(encoding="utf-8")
    count = len(re.findall(r"^\| \d+ \|", text, re.MULTILINE))
    assert f"| {count} kinds of failure" in README.read_text(encoding="utf-8")
    there = {path.stem for path in ROOT.glob("tests/**/test_*.py")}
    chaos = {path.stem for path in ROOT.glob("tests/chaos/*.py")}
    assert set(re.findall(r"`(test_\w+)`", text)) <= there
    assert set(re.findall(r"`chaos/(\w+)`", text)) <= chaos
    assert set(re.findall(r"`python -m tests\.chaos\.(\w+)", text)) - {"NAME"} <= chaos


@functools.cache
def help_of(*command: str) -> str | None:
    """Return what a program's --help prints; None where there is no such command."""
    argv = [sys.executable, *command, "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout if done.returncode == 0 else None


def module_text(name: str) -> str | None:
    """Return the source of a module that is a command; None where there is none."""
    place = ROOT / name.replace(".", "/")
    for path in (place.with_suffix(".py"), place / "__main__.py"):
        if path.exists() and "__name__" in path.read_text(encoding="utf-8"):
            return path.read_text(encoding="utf-8")
    return None


def options(text: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)


def wrong_of_edge(arguments: str) -> list[str]:
    command = re.match(r"[a-z][a-z0-9-]*", arguments)
    about = help_of("edge.py", *([command.group()] if command else []))
    if about is None:
        return [f"no command of the edge: {arguments}"]
    return [option for option in options(arguments) if option not in about]


def wrong_of_module(name: str, arguments: str) -> list[str]:
    text = module_text(name)
    if text is None:
        return [f"not a command: python -m {name}"]
    if name.startswith("server."):  # the commands of the server share some options
        first = re.match(r" ([a-z]+)", arguments)
        text = help_of("-m", name) or ""
        text += (first and help_of("-m", name, first[1])) or ""
    return [option for option in options(arguments) if option not in text]


def wrong_of_server(arguments: str) -> list[str]:
    name, _, rest = arguments.partition(" ")
    text = (ROOT / "systemd/sungrow-server").read_text(encoding="utf-8")
    if re.search(rf"^    ([a-z]+ \| )*{name}( \| [a-z]+)*\)", text, re.MULTILINE):
        script = ROOT / f"systemd/{name}-server"
        text += script.read_text(encoding="utf-8") if script.exists() else ""
        text += module_text(f"server.{name}") or ""
        return [option for option in options(rest) if option not in text]
    return wrong_of_module(f"server.{name}", f" {rest}")


def wrong_of_script(name: str, arguments: str) -> list[str]:
    path = ROOT / name
    if not path.is_file() or not os.access(path, os.X_OK):
        return [f"not a program: {name}"]
    if name == "tests/run":  # whatever it does not know goes on to pytest
        return []
    text = path.read_text(encoding="utf-8")
    return [option for option in options(arguments) if option not in text]


# A program as it is called, maybe by sudo and with settings before it; and its arguments.
CALLS = (
    (
        re.compile(r"(?:^|/|\s)python3? -m ((?:server|tests|edge_lib)\.[a-z][a-z0-9_.]*)(.*)"),
        wrong_of_module,
    ),
    (re.compile(r"(?:^|/|\s)edge\.py((?: .*)?)$"), lambda rest: wrong_of_edge(rest.strip())),
    (re.compile(r"(?:^|\s)sungrow-edge ([a-z].*)"), wrong_of_edge),
    (re.compile(r"(?:^|\s)sungrow-server ([a-z].*)"), wrong_of_server),
    (
        re.compile(
            r"^(?:sudo )?(?:[A-Z_]+=\S+ +)*"
            r"((?:systemd|server|tests|\.ci)/(?:[\w-]+/)?[\w-]+)(?![\w./])(.*)"
        ),
        wrong_of_script,
    ),
)


def wrong(command: str) -> list[str]:
    for pattern, look in CALLS:
        if match := pattern.search(command):
            return look(*match.groups())
    return []


@pytest.mark.slow
@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_every_command_that_is_shown_exists_with_its_options(path):
    shown = [command for command in commands(path) if not command.endswith("/")]
    assert not [(command, found) for command in shown if (found := wrong(command))]


@pytest.mark.parametrize(
    "command",
    [
        "edge.py nonsense",
        ".venv/bin/python edge.py once --nonsense",
        "sudo sungrow-edge nonsense",
        "python -m server.nonsense",
        ".venv/bin/python -m server.doctor --nonsense",
        ".venv/bin/python -m server.api",
        "sudo sungrow-server nonsense",
        "sudo sungrow-server forget home-1 --nonsense",
        "sudo sungrow-server backup --nonsense",
        "sudo SITE_ADDRESS=x systemd/nonsense",
        "systemd/install-edge --nonsense",
        "server/demo --nonsense",
    ],
)
def test_a_command_that_does_not_exist_is_found(command):
    assert wrong(command)


@functools.cache
def any_of(marks: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{mark})" for mark in marks))


def dialect(text: str, marks: dict[str, str]) -> list[str]:
    """Return each mark of it with what is around it, and what is better."""
    line = " ".join(text.split())
    if not any_of(tuple(marks)).search(line):  # as of nearly all
        return []
    return [
        f"...{line[max(0, match.start() - 30) : match.end() + 30]}...: better {better}"
        for mark, better in marks.items()
        for match in re.finditer(mark, line)
    ]


def prose(path: Path) -> Iterator[str]:
    """Yield what a file says to people: of Python its strings and comments, of others all."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield re.sub(r"\n\s*(#|//|--|\*) ", "\n", text)  # a sentence goes on in the next line
        return
    comment: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comment.append(token.string.lstrip("# "))
        elif token.type in STRINGS:
            yield token.string
        elif token.type not in (tokenize.NL, tokenize.NEWLINE):
            yield " ".join(comment)
            comment.clear()


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_documents_are_in_plain_english(path):
    text = re.sub(r"```.*?```|`[^`\n]+`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not dialect(text, DIALECT)


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_code_is_in_plain_english(path):
    assert not [found for text in prose(path) for found in dialect(text, OF_CODE)]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".py", 'x = "that is no token"'),
        (".py", '"""Say that it can be\n\nno sample."""'),
        (".py", "# a long comment that is\n# no token\nx = 1"),
        (".py", 'raise ValueError(f"{name} is no file")'),
        (".sql", "-- a step that is\n-- no step\nSELECT 1;"),
        (".sh", 'fail "$1 is no backup"'),
        (".js", "// whoever looks"),
    ],
)
def test_a_mark_of_the_dialect_is_found_in_code(tmp_path, suffix, text):
    path = tmp_path / f"code{suffix}"
    path.write_text(text, encoding="utf-8")
    assert [found for said in prose(path) for found in dialect(said, OF_CODE)]


def with_docstrings(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the module, its classes and functions: they are statements, or within others."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield from with_docstrings(child)


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_docstrings_say_return_as_everybody_does(path):
    for node in with_docstrings(ast.parse(path.read_text(encoding="utf-8"))):
        text = ast.get_docstring(node) or ""
        assert not text.startswith(NOT_AT_THE_START), text


@pytest.mark.parametrize("path", [p for p in PYTHON if p != Path(__file__)], ids=relative)
def test_the_code_has_lost_these_marks_of_a_dialect(path):
    assert not NOT_IN_CODE.findall(path.read_text(encoding="utf-8"))
