"""Answers of the server that reach the page one by one, each painted before the next one comes."""

import contextlib
from collections.abc import Iterator

from tests.browser.browser import Browser

# Of the first answers, which say who is there, nothing depends on another.
HOLD = """
    const really = window.fetch, held = [];
    window.fetch = async (url, ...more) => {
        const answer = await really(url, ...more);
        if (/^\\/v1\\/(?!devices)|^\\/p1\\//.test(url))
            await new Promise((go) => held.push([String(url), go]));
        return answer;
    };
    // Let the first one through, or the last; say which, once it has been painted, or null.
    window.letThrough = async (isLast) => {
        const one = isLast ? held.pop() : held.shift();
        one?.[1]();
        for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame);
        return one?.[0] ?? null;
    };
"""


@contextlib.contextmanager
def held(page: Browser, script: str = "") -> Iterator[None]:
    """Hold the answers for each page that is opened meanwhile; run a script in it, too."""
    with page.prepared(script + HOLD):
        yield


def let_through(page: Browser, *, last: bool = False) -> str | None:
    """Let one answer through: the one that has waited longest, or the last; return its address."""
    return page.driver.execute_async_script(
        "const [last, done] = arguments; window.letThrough(last).then(done)", last
    )


def each_of(page: Browser, *, last: bool = False, quiet: int = 3) -> Iterator[str]:
    """Let all answers through in turn, until none has come for some looks; give their addresses."""
    looks = 0
    while looks < quiet:
        if url := let_through(page, last=last):
            yield url
            looks = 0
        else:
            looks += 1
