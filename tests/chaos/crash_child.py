"""Lives the story, once a line of stdin, each time in a process of its own that a call may end.

Started with the shim preloaded. A line is JSON: {"folder", "env", "action", "at", "times", "part"};
the answer is one of {"status", "calls", "hits", "what", "said"}: what the story said of itself
through a pipe: [["stored", kind, boot, seq, true_us], ["exit", code], ...]. A reading counts as
acknowledged when a line says so: after a ``put`` that left nothing in the store's memory.
"""

import json
import logging
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import edge
from edge_lib.shared.env import ConfigError
from edge_lib.spool.errors import SpoolError
from edge_lib.spool.spool import Spool
from tests.chaos.crash_shim import Action, Control
from tests.chaos.crash_world import World, enter

FIRST, SECOND = "a" * 32, "b" * 32
HOUR_S = 3600
HANGS_AFTER_S = 90  # a service whose thread has died without a word would hang for ever
MUTANT = os.environ.get("CRASH_MUTANT")  # EARLY: readings are acknowledged before they are stored


def begin() -> World:
    """An unsynchronised boot: polls, the time becomes known, deliveries, three quiet hours."""
    world = World(100, FIRST, -86_400, right_from_s=112)
    # Delivered samples expire by the hour (SPOOL_KEEP_DAYS of the story: an hour).
    for end_s in (130, 145 + 3 * HOUR_S):
        world.at(end_s, lambda: setattr(world, "now_s", world.now_s + 3 * HOUR_S))
    world.at(170 + 6 * HOUR_S, world.stop)
    return world


def go_on() -> World:
    """The same machine after another boot: polls until all is delivered."""
    world = World(50_000, SECOND, -86_400, right_from_s=50_007)
    world.at(50_022, world.stop)
    return world


def recover(same_boot: bool) -> World:
    """After the harm: the service as it starts again, undisturbed."""
    world = World(100_000, FIRST if same_boot else SECOND, 0, right_from_s=0)
    world.at(100_040, world.stop)
    return world


PARTS = {
    "story": (begin, go_on),
    "recover_first": (lambda: recover(True),),
    "recover_second": (lambda: recover(False),),
}


def live(env: dict, part: str, say) -> None:
    """Run the service through a part of the story; a service that ends is started again."""
    for world in (make() for make in PARTS[part]):
        enter(world)
        listen(world, say)
        for _ in range(5):
            code = start(env, say)
            say("exit", code)
            if world.stopping:
                break


def start(env: dict, say) -> int:
    try:
        return edge.service(env)
    except ConfigError as error:
        say("refused", str(error))
        return 78
    except SpoolError as error:
        say("refused", f"a leak: {error!r}")
        return 1


def listen(world: World, say) -> None:
    """Say of each reading that it is polled, and that it is stored once it has left memory."""
    for name in ("put", "park_words"):
        real = getattr(Spool, name)
        real = getattr(real, "real", real)
        setattr(Spool, name, _saying(real, name, world, say))


def _saying(real, name: str, world: World, say):
    waiting: dict[Spool, list[tuple]] = {}  # a store that is closed takes what it holds along

    def method(self, *args, **kwargs):
        seq = args[0]["seq"] if name == "put" else args[4]
        kind = args[2].name if name == "put" and len(args) > 2 else "sample"
        word = "stored" if name == "put" else "parked"
        news = (word, kind, world.boot, seq, world.true_us())
        say("polled", kind, world.boot, seq)
        if MUTANT == "EARLY":
            say(*news)
        done = real(self, *args, **kwargs)
        held = waiting.setdefault(self, [])
        held.append(news)
        if len(self._attempts.buffer):
            say("in memory", kind, world.boot, seq)
        elif MUTANT != "EARLY":
            for words in held:
                say(*words)
            held.clear()
        return done

    method.real = real
    return method


def in_a_process(control: Control, order: dict) -> dict:
    """Fork, arm, live; collect what the child says until it ends."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.alarm(HANGS_AFTER_S)
        os.dup2(os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)

        def say(*words: object) -> None:
            os.write(writing, (json.dumps(words) + "\n").encode())

        code = 97
        try:
            control.arm(Action[order["action"]], order["at"], order["times"])
            live(order["env"], order["part"], say)
            code = 0
        finally:
            control.disarm()
            logging.shutdown()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = [json.loads(line) for line in pipe if line.endswith("\n")]
    _, status = os.waitpid(child, 0)
    state = {"calls": control.calls, "hits": control.hits, "what": control.what}
    return {"status": os.waitstatus_to_exitcode(status), "said": said, **state}


def main() -> None:
    control, folder = Control(Path(sys.argv[1])), Path(sys.argv[2])
    control.attach(folder)
    for line in sys.stdin:
        print(json.dumps(in_a_process(control, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
