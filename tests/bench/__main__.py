"""All benchmarks, one after the other: ``tests/bench/run``.

Each module here has ``lines(quick)``, which yields the lines of its table as they are measured.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from server import sandbox
from tests.bench.paired import Line, machine, table

NAMES = (
    "ingest",
    "small_uploads",
    "realtime",
    "series",
    "decade",
    "long_history",
    "battery",
    "strings",
    "roof",
    "devices",
    "size",
    "poll",
    "edge_cost",
    "spool",
    "backlog",
    "start",
)
ON_REQUEST = ("growth",)  # takes many minutes: run only where it is named


def measure(names: list[str], quick: bool) -> Iterator[Line]:
    """Run the benchmarks of these names; tell on stderr how far it is."""
    for name in names:
        start_s = time.perf_counter()
        module = importlib.import_module(f"tests.bench.{name}")
        for line in module.lines(quick):
            print(f"  {line}", file=sys.stderr)
            yield line
        print(f"{name}: {time.perf_counter() - start_s:.0f} s", file=sys.stderr)


def main() -> int:
    """Print the table; 0 if every goal is met, and always where it is only a quick look."""
    every = (*NAMES, *ON_REQUEST)
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(every)}")
    parser.add_argument("--quick", action="store_true", help="as little as proves that it runs")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in every]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(every)}")
    about = f"{machine()}, {sandbox.installed_edition()}"
    lines = list(measure(arguments.names or list(NAMES), arguments.quick))
    print(about, table(lines, judged=not arguments.quick), sep="\n\n", flush=True)
    content = {"about": about, "lines": [line.as_json() for line in lines]}
    arguments.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    missed = [line.name for line in lines if line.is_met is False]
    if missed and not arguments.quick:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
