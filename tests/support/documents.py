"""The project's documents, as the tests read them."""

import re
from pathlib import Path

from server import sandbox

ROOT = sandbox.ROOT
README = ROOT / "README.md"
DOCUMENTS = (README, ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md")))
# These have a language or a history of their own, but their links have to lead somewhere, too.
ALL = (*DOCUMENTS, ROOT / "CHANGELOG.md", *sorted(ROOT.glob("tests/**/*.md")))


def everything() -> str:
    """Return the text of all documents as one."""
    return "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)


def block(language: str, marker: str) -> str:
    """Return the one block of code in that language whose first line begins with ``marker``."""
    (found,) = re.findall(rf"```{language}\n({re.escape(marker)}.*?)```", everything(), re.DOTALL)
    return found


def commands(path: Path) -> list[str]:
    """Return what a document shows as code for a shell, each command by itself."""
    text = path.read_text(encoding="utf-8")
    fenced = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = (line for code in (*fenced, *spans) for line in code.replace("\\\n", " ").splitlines())
    parts = (part for line in lines for part in re.split(r"&&|;|(?<!\\)\||\s#\s", line))
    return [part.strip() for part in parts if part.strip()]
