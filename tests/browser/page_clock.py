"""Time that a test makes go by: the page's timers run when told, hours of them within seconds."""

import contextlib
import itertools
import json
from collections.abc import Iterator

from tests.browser.browser import Browser

PART_S = 600
# Date, performance and timers are made ones. An answer has the date of this clock; where
# `answers` has a function for the beginning of an address, that makes the answer, and nobody
# is asked.
CLOCK = """
    const [really, begun] = [window.fetch, Date.now()];
    let [now, ids, underWay] = [begun, 1e6, 0];
    const timers = new Map(), turns = new MessageChannel(), waiting = [];
    turns.port1.onmessage = () => waiting.shift()();
    const turn = () => new Promise((done) => { waiting.push(done); turns.port2.postMessage(0); });
    const later = (f, ms, every, given) => {
        timers.set(++ids, { f, at: now + Math.max(ms ?? 0, 1), every, given });
        return ids;
    };
    Date.now = () => now;
    performance.now = () => now - begun;
    window.setTimeout = (f, ms, ...given) => later(f, ms, 0, given);
    window.setInterval = (f, ms, ...given) => later(f, ms, ms, given);
    window.clearTimeout = window.clearInterval = (id) => timers.delete(id);
    window.asked = [];
    window.answers = {};
    const answered = async (url, options) => {
        const made = Object.entries(window.answers).find(([path]) => url.startsWith(path))?.[1];
        const answer = made ? new Response(made(now)) : await really(url, options);
        const headers = new Headers(answer.headers);
        headers.set('Date', new Date(now).toUTCString());
        const content = answer.status === 204 ? null : await answer.text();
        return new Response(content, { status: answer.status, headers });
    };
    window.fetch = async (url, options) => {
        window.asked.push([now - begun, String(url)]);
        underWay++;
        try {
            return await answered(String(url), options);
        } finally {
            underWay--;
        }
    };
    const still = async () => {
        do for (let n = 0; n < 3; n++) await turn(); while (underWay);
    };
    // Resolves once this much has gone by, and all that was asked for meanwhile is there.
    window.pass = async (ms) => {
        const until = now + ms;
        for (;;) {
            await still();
            let next = null;
            for (const one of timers) if (!next || one[1].at < next[1].at) next = one;
            if (!next || next[1].at > until) break;
            const [id, timer] = next;
            now = Math.max(now, timer.at);
            if (timer.every) timer.at = now + timer.every;
            else timers.delete(id);
            timer.f(...timer.given);
        }
        now = until;
        await still();
    };
"""


@contextlib.contextmanager
def stopped(page: Browser) -> Iterator[None]:
    """Let the clock of each page that is opened meanwhile stand still until ``go_on``."""
    with page.prepared(CLOCK):
        yield


def go_on(page: Browser, seconds: float) -> None:
    """Let this much go by on the page; return when all is there that was asked for meanwhile."""
    page.driver.set_script_timeout(60)
    while seconds > 0:  # in parts: what one long script has awaited is freed at its end
        page.driver.execute_async_script(
            "const [ms, done] = arguments; window.pass(ms).then(() => done())",
            min(seconds, PART_S) * 1000,
        )
        seconds -= PART_S


def asked(page: Browser) -> list[tuple[float, str]]:
    """Return what the page has asked for: when, in seconds of its clock, and the address."""
    return [(ms / 1000, url) for ms, url in page.run("return window.asked")]


def most_within(times: list[float], seconds: float) -> int:
    """Return how many of these times at the most lie within so long a span."""
    return max((sum(begin <= at < begin + seconds for at in times) for begin in times), default=0)


def answer(page: Browser, path: str, script: str) -> None:
    """Let what begins with this path be answered by a function of the page's time, in ms."""
    page.run(f"window.answers[{json.dumps(path)}] = {script}")


def pairs(times: list[float]) -> list[float]:
    """Return how long it was from each of them to the next."""
    return [after - before for before, after in itertools.pairwise(times)]
