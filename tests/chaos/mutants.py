"""Spoil the product in seventeen known ways: every one must be noticed by the tests named for it.

    nice .venv/bin/python -m tests.chaos.mutants [--only NAME ...]

Each mutant is made in a copy of the project, where all its killers run: tests of the suite, and,
where the harm is one of delivery, the wire and the chain of this folder. They must pass without the
mutant and fail with it. Exit status 0: all are killed by all.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from server import sandbox
from tests.chaos.stack import nice

WIRE = ("-m", "tests.chaos.wire", "--requests", "800", "--uploaders", "3")
CHAIN = ("-m", "tests.chaos.chain", "--edge-kills", "24", "--worker-kills", "2")
CHAIN += ("--postgres-stops", "2")
POWER = ("-m", "tests.chaos.power_cuts", "--rounds", "20")
LEFT_BEHIND = (".git", ".venv", ".demo", ".hypothesis", "__pycache__", ".*_cache")
MOST_S = 300
FAILED = 1  # the status of a test that fails, in pytest and here; others are accidents


def tests(file: str, words: str) -> tuple[str, ...]:
    """Return the command for the tests of a file whose names match."""
    quiet = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    return ("-m", "pytest", *quiet, f"tests/{file}", "-k", words)


class Mutant(NamedTuple):
    """A change that loses, doubles or believes too much, and who must notice it."""

    name: str
    changes: tuple[tuple[str, str, str], ...]  # file, what stands there, what then does
    killers: tuple[tuple[str, ...], ...]


_NO_PROOF = """    if answer.status != 200:
        raise retry(answer, now)
"""
_CONTEXT = "    context.hostname_checks_common_name = False\n"
_UNVERIFIED = "    context.check_hostname = False\n    context.verify_mode = ssl.CERT_NONE\n"
_ANY_ID = """        if size == 7 and len(received) == 7:
            received = struct.pack(">H", self._transaction_id) + received[2:]
        return received
"""
_COUNTS_FIRST = """        self.polls += 1
        if self._counts:
            self._counts.polled(ts=self._clock.now(), seq=self.seq + 1)
        kept = """
MUTANTS = (
    Mutant(
        "an alert that does not wait",
        (
            (
                "server/alerts/states.py",
                "if (finding.proven or now) - begun.since < timing.of(rule):",
                "if False:",
            ),
        ),
        (tests("server/test_alert_states.py", "not_before or holds_for_less"),),
    ),
    Mutant(
        "episodes without their key",
        (
            (
                "server/alerts/states.py",
                "found = {(device_id, rule.name, finding.key): finding",
                'found = {(device_id, rule.name, ""): finding',
            ),
        ),
        (tests("server/test_alert_states.py", "each_key_is_an_episode"),),
    ),
    Mutant(
        "an end of what nobody was told",
        (("server/alerts/notices.py", "        if is_told:\n", "        if True:\n"),),
        (tests("server/test_alert_states.py", "one_line_of_the_digest or within_a_silence"),),
    ),
    Mutant(
        "an alert again without id",
        (
            (
                "server/alerts/outbox.py",
                "UPDATE sungrow_alert_outbox SET error = %s, not_before",
                "UPDATE sungrow_alert_outbox SET id = gen_random_uuid(), error = %s, not_before",
            ),
        ),
        (tests("server/test_alert_delivery.py", "with_the_same_id"),),
    ),
    Mutant(
        "an end without beginning",
        (
            (
                "server/alerts/fate.py",
                "if all(opening.is_braked for opening in begun):",
                "if False:",
            ),
        ),
        (tests("server/test_alert_delivery.py", "never_told_is_not_told"),),
    ),
    Mutant(
        "an alert sent before claimed",
        (
            (
                "server/alerts/outbox.py",
                "claimed_at = %s, attempts = attempts + 1, not_before = %s",
                "claimed_at = %s, dropped_at = %s",
            ),
        ),
        (
            tests("server/test_alert_delivery.py", "sender_died"),
            ("-m", "tests.chaos.alert_kills", "40"),
        ),
    ),
    Mutant(
        "synchronous NORMAL",
        (("edge_lib/spool/file.py", "synchronous = FULL", "synchronous = NORMAL"),),
        (tests("edge/test_spool_file.py", "survives_a_power_cut"), POWER),
    ),
    Mutant(
        "plain rowid",
        (
            (
                "edge_lib/spool/schema.sql",
                "CREATE TABLE samples (\n    id          INTEGER PRIMARY KEY AUTOINCREMENT",
                "CREATE TABLE samples (\n    id          INTEGER PRIMARY KEY",
            ),
        ),
        (tests("edge/test_spool.py", "late_second_receipt"),),
    ),
    Mutant(
        "200 means delete",
        (("edge_lib/upload/receipt.py", _NO_PROOF, f"{_NO_PROOF}    return frozenset()\n"),),
        (tests("edge/test_upload.py", "proves_nothing"), WIRE, CHAIN),
    ),
    Mutant(
        "200 means delete, of P1 too",
        (
            (
                "edge_lib/upload/receipt.py",
                '_proven(content.get("p1"), p1_count) if p1_count else None',
                "Proof(p1_count, 0, frozenset()) if p1_count else None",
            ),
        ),
        (tests("edge/test_p1_upload.py", "older_server or account_of_every"), WIRE),
    ),
    Mutant(
        "a kind is not sealed",
        (
            (
                "edge_lib/spool/kinds.py",
                "self.seal = (name,) if prefix else ()",
                "self.seal = ()",
            ),
        ),
        (tests("edge/test_salvage.py", "both_kinds_are_brought_over"),),
    ),
    Mutant(
        "ts in seconds",
        (("edge_lib/shared/timestamps.py", 'timespec="microseconds"', 'timespec="seconds"'),),
        (tests("edge/test_spool.py", "moves_by_a_microsecond"),),
    ),
    Mutant(
        "DO UPDATE",
        (
            (
                "server/database/samples.py",
                "DO NOTHING",
                "DO UPDATE SET pv_power_w = excluded.pv_power_w",
            ),
        ),
        (tests("server/test_ingest.py", "another_value_in_any or counts_each_sample_once"),),
    ),
    Mutant(
        "the last hundred alone",
        (
            (
                "server/database/readings.py",
                "for ts in sorted(first)}",
                "for ts in sorted(first)[-100:]}",
            ),
        ),
        (tests("chaos/test_many_rows.py", "hundreds_of_samples"),),
    ),
    Mutant(
        "verify off",
        (
            ("edge_lib/upload/https.py", _CONTEXT, _CONTEXT + _UNVERIFIED),
            ("edge_lib/upload/https.py", '"CERT_REQUIRED"', '"CERT_NONE"'),
        ),
        (
            tests("edge/test_https.py", "expired_certificate or unknown_authority or another_name"),
            tests("edge/test_upload.py", "unverified_channel"),
        ),
    ),
    Mutant(
        "redirects on",
        (
            ("edge_lib/upload/https.py", "allow_redirects=False", "allow_redirects=True"),
            ("edge_lib/upload/https.py", "def get_redirect_target", "def never_called"),
        ),
        (tests("edge/test_https.py", "redirect_is_not_followed"), WIRE),
    ),
    Mutant(
        "no transaction id check",
        (("edge_lib/dongle/modbus_client.py", "        return received\n", _ANY_ID),),
        (tests("edge/test_inverter.py", "broken_answer or no_byte_of_the_head"),),
    ),
    Mutant(
        "ack by id <= x",
        (("edge_lib/spool/retention.py", "FROM queue WHERE id = ?", "FROM queue WHERE id <= ?"),),
        (tests("edge/test_upload.py", "newest_and_the_oldest_go_in_turn"), WIRE),
    ),
    Mutant(
        "counts before it stores",
        (("edge_lib/poller.py", "        self.polls += 1\n        kept = ", _COUNTS_FIRST),),
        (
            tests("edge/test_bookkeeping.py", "before_it_is_counted"),
            tests("edge/test_bookkeeping.py", "fails_alone and counts"),
        ),
    ),
    Mutant(
        "acknowledges by key",
        (
            (
                "edge_lib/spool/reports.py",
                "SET acknowledged = ? WHERE boot",
                "SET acknowledged = coalesce(crc, ?) WHERE boot",
            ),
        ),
        (
            tests("edge/test_receipts.py", "last_counts_of_a_quarter_hour"),
            tests("edge/test_receipts.py", "placed_while_counts_travel"),
        ),
    ),
    Mutant(
        "believes its own books",
        (
            (
                "edge_lib/spool/recovery/soundness.py",
                "crc == self.checksum(*values) and self.fits",
                "self.fits",
            ),
        ),
        (
            tests("edge/test_damage.py", "another_number_in_a_row"),
            ("-m", "tests.chaos.bit_flips", "--flips", "200", "--places", "rows"),
        ),
    ),
    Mutant(
        "park on 400",
        (
            (
                "edge_lib/upload/receipt.py",
                "answer.status == 422 and ours",
                "answer.status >= 400 and ours",
            ),
        ),
        (tests("edge/test_upload.py", "proves_nothing"), WIRE),
    ),
)


class Scratch:
    """A copy of the project, to be spoiled."""

    def __init__(self, folder: Path):
        self.root = folder / "project"
        shutil.copytree(sandbox.ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_BEHIND))

    def spoil(self, mutant: Mutant) -> dict[Path, str]:
        """Apply the changes; return what the files said before."""
        before: dict[Path, str] = {}
        for file, old, new in mutant.changes:
            path = self.root / file
            text = path.read_text()
            before.setdefault(path, text)
            if text.count(old) != 1:
                raise SystemExit(f"{mutant.name}: {file} holds {text.count(old)} times {old!r}")
            path.write_text(text.replace(old, new))
        return before

    def fails(self, killer: tuple[str, ...]) -> tuple[bool, str]:
        """Run one killer; tell whether it noticed something, and its last line."""
        try:
            done = subprocess.run(
                [sys.executable, *killer],
                cwd=self.root,
                env=sandbox.environment(PYTHONDONTWRITEBYTECODE="1"),
                capture_output=True,
                text=True,
                timeout=MOST_S,
            )
        except subprocess.TimeoutExpired:
            return True, "does not end"
        words = (done.stdout + done.stderr).strip().splitlines()
        last = next((line for line in reversed(words) if "lost" in line), words[-1])
        if done.returncode not in (0, FAILED):
            raise SystemExit(f"{killer} exited with {done.returncode}:\n" + "\n".join(words[-30:]))
        return done.returncode == FAILED, last


def run(mutants: Iterable[Mutant], killers_each: int | None = None, baseline: bool = True) -> int:
    """Try each mutant with (the first of) its killers; print the table."""
    mutants = list(mutants)
    chosen = {mutant: mutant.killers[:killers_each] for mutant in mutants}
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="chaos-mutants-") as folder:
        scratch = Scratch(Path(folder))
        for killer in sorted(
            {k for killers in chosen.values() for k in killers} if baseline else ()
        ):
            noticed, last = scratch.fails(killer)
            print(f"{'-':<24} {_name(killer):<58} {'FAILS' if noticed else 'passes'}", flush=True)
            if noticed:
                raise SystemExit(f"the product itself does not pass: {last}")
        for mutant, killers in chosen.items():
            before = scratch.spoil(mutant)
            for killer in killers:
                survivors += not _try(scratch, mutant, killer)
            for path, text in before.items():
                path.write_text(text)
    print(f"{len(mutants)} mutants, {survivors} survived")
    return 1 if survivors else 0


def _try(scratch: Scratch, mutant: Mutant, killer: tuple[str, ...]) -> bool:
    start_s = time.monotonic()
    noticed, last = scratch.fails(killer)
    spent_s, word = time.monotonic() - start_s, "killed" if noticed else "SURVIVED"
    if last.startswith("skipped: "):  # not on this machine: no ext4 to be had, no compiler
        noticed, word = True, "skipped"
    print(f"{mutant.name:<24} {_name(killer):<58} {word:<8} {spent_s:5.1f} s  {last}", flush=True)
    return noticed


def _name(killer: tuple[str, ...]) -> str:
    if killer[1] == "pytest":
        return f"{killer[-3]} -k {killer[-1]}"[:58]
    return " ".join(killer[1:2])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="part of the names")
    only = parser.parse_args(argv).only
    chosen = [m for m in MUTANTS if only is None or any(word in m.name for word in only)]
    return run(chosen)


if __name__ == "__main__":
    nice()
    sys.exit(main(sys.argv[1:]))
