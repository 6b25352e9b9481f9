"""Nothing lost and nothing doubled over a wire that harms three requests of four.

    nice .venv/bin/python -m tests.chaos.wire [--requests 50000] [--uploaders 4]

Uploaders in processes of their own, each with a real spool full of readings of both kinds, deliver
in small batches through the fault proxy to the real server, until the proxy has seen so many
requests. The wire is then healed and the rest delivered. Exit status 0: each reading stood in the
database once.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.config import UploadConfig
from edge_lib.spool.kinds import KINDS
from edge_lib.spool.spool import Spool
from edge_lib.upload.https import HttpsClient
from edge_lib.upload.uploader import Uploader
from server import sandbox
from tests.chaos.stack import Progress, Stack, fill_both, nice, pause, quiet, token

BOOT = "c" * 32
DEADLINE_S = 0.5
# So many of each kind are gone after so many requests, with the share of harm and the batches of 2.
SAMPLES_A_REQUEST = 0.3


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.wire", description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--uploaders", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        deliver(**json.loads(arguments.child))
        return 0
    return run(arguments.requests, arguments.uploaders, arguments.seed)


def run(requests: int, uploaders: int, seed: int = 1) -> int:
    devices = [f"wire-{number}" for number in range(uploaders)]
    count = int(requests * SAMPLES_A_REQUEST / uploaders) + 100
    progress = Progress()
    with Stack(devices, seed=seed) as stack, tempfile.TemporaryDirectory() as folder:
        harmed_pct = "too few requests"
        children = [start(stack, Path(folder), device, count) for device in devices]
        while any(child.poll() is None for child in children):
            if stack.proxy.requests >= requests and stack.proxy.share:
                harmed_pct = f"{100 * stack.proxy.harmed / stack.proxy.requests:.1f}"
                stack.proxy.share = 0.0
            progress.line(requests=stack.proxy.requests, kinds=len(stack.proxy.counts))
            pause(0.2)
        failed = [child.returncode for child in children if child.returncode]
        stack.proxy.settle()
        print_harm(stack.proxy)
        print(f"harmed while the wire was bad: {harmed_pct} %")
        return verdict(stack, progress, count, requests, failed)


def start(stack: Stack, folder: Path, device: str, count: int) -> subprocess.Popen:
    told = {
        "url": stack.proxy.url,
        "ca": str(stack.certificate.ca),
        "device": device,
        "count": count,
        "path": str(folder / f"{device}.db"),
    }
    argv = [sys.executable, "-m", "tests.chaos.wire", "--child", json.dumps(told)]
    return sandbox.spawn(argv, sandbox.environment(), "KILL", cwd=sandbox.ROOT)


def deliver(url: str, ca: str, device: str, count: int, path: str) -> None:
    """Deliver ``count`` readings, without ever waiting."""
    client = HttpsClient(url, token(device), Path(ca), DEADLINE_S, DEADLINE_S)
    dice, clock = random.Random(device), Clock()
    with quiet():
        with Spool.strict(Path(path)) as spool:
            fill_both(spool, device, count, BOOT)
        with closing(Spool(Path(path), 7.0, clock)) as store:
            config = UploadConfig(url, token(device), Path(ca), 10.0, 2, 300.0)
            uploader = Uploader(config, store, clock, client)
            while any(store.counts(kind).depth for kind in KINDS):
                uploader._size = dice.choice((1, 1, 2, 3))
                uploader.upload_once()
            for kind in KINDS:
                assert store.counts(kind).parked == 0, store.unreported_parked(3, kind)
            uploader.close()


def verdict(stack: Stack, progress: Progress, count: int, requests: int, failed: list) -> int:
    rows = [stack.stored(device, kind) for device in stack.devices for kind in KINDS]
    seqs = [[seq for _, seq, _ in row] for row in rows]
    lost = sum(count - len(set(each)) for each in seqs)
    doubled = sum(len(each) - len(set(each)) for each in seqs)
    proxy, total = stack.proxy, count * len(seqs)
    wrong = stack.rows(
        "SELECT (SELECT count(*) FROM sungrow_samples"
        " WHERE export_power_w <> seq %% 1000 OR boot <> %s)"
        " + (SELECT count(*) FROM p1_samples WHERE power_w <> seq %% 1000 OR boot <> %s)",
        BOOT,
        BOOT,
    )[0][0]
    progress.table(
        requests=proxy.requests,
        kinds_of_harm=len(set(proxy.counts) - {"unharmed", "server_away"}),
        followed_redirects=proxy.trapped,
        values_changed=wrong,
    )
    print(f"lost {lost} doubled {doubled} of {total}; redirects followed {proxy.trapped}")
    good = not (lost or doubled or wrong or failed or proxy.trapped)
    return 0 if good and proxy.requests >= requests else 1


def print_harm(proxy) -> None:
    width = max(map(len, proxy.counts))
    for name, number in sorted(proxy.counts.items()):
        print(f"  {name:<{width}} {number:8,}")


if __name__ == "__main__":
    nice()
    sys.exit(main(sys.argv[1:]))
