"""The queries: one a file, as in ``sql/queries/``, with Grafana's macros in place of parameters."""

from pathlib import Path

FOLDER = Path(__file__).parent / "sql"


def query(name: str) -> str:
    """Return a query without its comment: Grafana looks for macros in comments, too."""
    lines = (FOLDER / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))
