"""Browsers of some years ago: the page works, or says in one sentence that they are too old."""

import http.server
import re
import threading
from contextlib import contextmanager

import pytest
import requests

from server.page import FOLDER, TYPES
from tests.browser.conftest import AUTUMN, GAP_DAY, ONE

pytestmark = pytest.mark.long

TOO_OLD = "This browser is too old for this page"
# What came after Safari 15.0, Firefox 100 or Chromium 100, or not long before.
NEWER = (
    "AbortSignal.any",
    "AbortSignal.timeout",
    "AbortSignal.abort",
    "AbortSignal.prototype.throwIfAborted",
    "AbortSignal.prototype.reason",
    "URLSearchParams.prototype.size",
    "URL.canParse",
    "URL.parse",
    "Map.groupBy",
    "Object.groupBy",
    "Object.hasOwn",
    "Array.fromAsync",
    "Array.prototype.at",
    "Array.prototype.findLast",
    "Array.prototype.findLastIndex",
    "Array.prototype.toReversed",
    "Array.prototype.toSorted",
    "Array.prototype.toSpliced",
    "Array.prototype.with",
    "String.prototype.at",
    "String.prototype.isWellFormed",
    "Set.prototype.union",
    "Set.prototype.intersection",
    "Set.prototype.difference",
    "Promise.withResolvers",
    "Promise.try",
    "structuredClone",
    "scheduler",
    "navigation",
    "Iterator",
    "Intl.supportedValuesOf",
    "Intl.DurationFormat",
    "Intl.NumberFormat.prototype.formatRange",
    "Intl.DateTimeFormat.prototype.formatRange",
    "Element.prototype.checkVisibility",
    "Element.prototype.setHTMLUnsafe",
    "Element.prototype.moveBefore",
    "HTMLElement.prototype.showPopover",
    "HTMLElement.prototype.inert",
    "HTMLInputElement.prototype.showPicker",
    "document.startViewTransition",
    "crypto.randomUUID",
    "Error.captureStackTrace",
    "trustedTypes",
    "requestIdleCallback",
)
REMOVE = """
    for (const path of arguments_) {
        if (path === 'Object.hasOwn') {
            // The driver's own scripts need it: from the page's it is kept.
            const real = Object.hasOwn;
            Object.hasOwn = (...given) => {
                if (new Error().stack.includes('/static/')) throw new TypeError('too new');
                return real(...given);
            };
            continue;
        }
        const names = path.split('.'), name = names.pop();
        const owner = names.reduce((object, part) => object?.[part], globalThis);
        if (!owner) continue;
        delete owner[name];
        if (name in owner) Object.defineProperty(owner, name, { value: undefined });
    }
    // Methods of iterators came with their class.
    for (const made of [[].values(), new Map().keys(), ''.matchAll(/a/g)]) {
        const all = Object.getPrototypeOf(Object.getPrototypeOf(made));
        for (const name of Object.getOwnPropertyNames(all)) {
            if (name !== 'constructor') delete all[name];
        }
    }
"""


def without(page, *paths: str):
    """Take these away from every document before its own scripts run."""
    return page.prepared(REMOVE.replace("arguments_", repr(list(paths))))


def test_every_view_works_without_what_came_later(page, site):
    site.send()
    with without(page, *NEWER):
        page.log_in(site.url + "/", ONE)
        page.wait_text(".flow", "3.21 kW")
        assert page.run("return [typeof AbortSignal.any, typeof [].at]") == ["undefined"] * 2
        for query, words in (
            (f"view=day&date={GAP_DAY}", "Wi-Fi stick did not answer"),
            (f"view=day&date={AUTUMN}", "25.0 h"),
            ("view=month&date=2026-10-01", "Sat 24 Oct"),
            ("view=year&date=2026-10-01", "October 2026"),
            ("view=all", "October 2026"),
            ("view=system", "No reading is lost"),
        ):
            page.open(f"{site.url}/?{query}")
            page.wait_text("main", words)
            page.wait_text("#freshness", "of today")
        page.open(f"{site.url}/?view=day&date={GAP_DAY}")
        page.wait_text(".chart-title", "Solar peak: ")
        page.open_all()
        page.wait(lambda: len(page.all("tbody tr")) > 10, "no hours")
        assert page.console() == []
        asked = [r["url"] for r in page.requests() if "/v1/" in r["url"]]
        assert [url for url in asked if "?" not in url and not url.endswith("/v1/devices")] == []


@pytest.mark.parametrize("name", NEWER)
def test_each_of_them_may_be_missing_alone(page, site, name):
    site.send()
    with without(page, name):
        page.log_in(site.url + "/", ONE)
        page.wait_text(".flow", "3.21 kW")
        page.open(f"{site.url}/?view=all")
        page.wait_text("main", "October 2026")


def test_an_answer_that_never_comes_is_given_up_in_any_browser(page, site):
    """The page's own clock ends a request; and what was called off says nothing."""
    with without(page, *NEWER):
        page.log_in(site.url + "/", ONE)
        page.wait_text("#freshness", "of today")
        page.run(
            "const real = setTimeout;"
            "window.setTimeout = (f, ms) => real(f, ms === 15e3 ? 50 : ms);"
            "window.fetch = (url, options) => new Promise((_, no) =>"
            " options.signal.addEventListener('abort', () => no(options.signal.aborted &&"
            " new DOMException('', 'AbortError'))));"
        )
        page.wait_text("#away", "The server cannot be reached")
        assert page.console() == []


def test_a_request_leaves_nothing_behind_on_the_signal_of_its_view(page, site):
    page.log_in(site.url + "/", ONE)
    frame = requests.get(site.url + "/", verify=site.server.certificate.ca, timeout=10).text
    folder = re.search(r"/static/\w+/", frame)[0]
    left = page.driver.execute_async_script(
        "const [path, done] = arguments; let left = 0;"
        "const signal = new AbortController().signal;"
        "const [on, off] = [signal.addEventListener, signal.removeEventListener];"
        "signal.addEventListener = (...a) => { left++; on.apply(signal, a); };"
        "signal.removeEventListener = (...a) => { left--; off.apply(signal, a); };"
        "import(path).then(async ({ ask }) => {"
        " for (let n = 0; n < 5; n++) await ask('/login', {}, signal);"
        " await ask('/nowhere', {}, signal).catch(() => 0); done(left); })",
        folder + "api.js",
    )
    assert left == 0


@pytest.mark.parametrize(
    "name",
    [
        "AbortController",
        "ResizeObserver",
        "PointerEvent",
        "Element.prototype.replaceChildren",
        "String.prototype.replaceAll",
        "Object.fromEntries",
        "Intl.DateTimeFormat.prototype.formatToParts",
    ],
)
def test_a_browser_without_what_it_needs_is_told_so_in_one_sentence(page, site, name):
    with without(page, name):
        page.open(site.url + "/")
        page.wait_text("main [role=alert]", TOO_OLD)
        assert "Safari or iOS 15, Firefox 100, Chrome or Edge 100" in page.text("main")
        assert not page.all("#token")
        assert page.console() == []


class Frame(http.server.BaseHTTPRequestHandler):
    """The page's frame and files, one of them in a language that nobody speaks."""

    html, broken, status, content = "", "", 200, b""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        content = self.html.encode()
        if name:
            content = (FOLDER / name).read_bytes() if (FOLDER / name).exists() else b""
        is_broken = bool(name) and name in self.broken
        self.send_response(self.status if is_broken else 200 if content else 404)
        if is_broken:
            content = self.content
        suffix = f".{name.rpartition('.')[2]}" if name else ""
        self.send_header("Content-Type", TYPES.get(suffix, "text/html; charset=utf-8"))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def frame(site, broken: str, content: str, status: int = 200):
    html = requests.get(site.url + "/", verify=site.server.certificate.ca, timeout=10).text
    answer = {"html": html, "broken": broken, "content": content.encode(), "status": status}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Broken", (Frame,), answer))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", ["app.js", "words.js", "chart.js"])
@pytest.mark.parametrize(
    "content", ["(class { @field = 1 })", "class A { #a() {} #a() {} }", "a ?.?. b"]
)
def test_a_browser_that_does_not_know_the_language_is_told_so(page, site, name, content):
    with frame(site, name, content) as url:
        page.open(url)
        page.wait_text("main [role=alert]", TOO_OLD)
        page.open("about:blank")


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("words.js", "export const clock = 1;", 200),  # of another version
        ("words.js", "", 503),
        ("app.js", "", 503),
        ("app.js", "throw new Error('a bug')", 200),
        ("app.js", "undefined.something", 200),
        ("none", "", 200),
    ],
)
def test_what_goes_wrong_otherwise_is_not_laid_at_its_door(page, site, name, content, status):
    with frame(site, name, content, status) as url:
        page.open(url)
        page.wait(lambda: page.run("return document.readyState") == "complete", "not loaded")
        assert TOO_OLD not in page.text("main")
        page.open("about:blank")


def test_the_sentence_is_written_in_a_language_that_every_browser_knows():
    text = (FOLDER / "too_old.js").read_text()
    text = re.sub(r"//.*", "", re.sub(r"'[^']*'", "0", text))
    for newer in ("=>", "`", "let ", "const ", "class ", "...", "?.", "??", "async ", "import "):
        assert newer not in text
    assert not re.search(r",\s*[)\]}]", text), "a comma at the end of a list"


@pytest.mark.parametrize(
    "newer",
    [r":has\(", r"\d[dsl]v[hw]\b", r"@container", r"@layer", r"@scope", r"color-mix", r"oklch",
     r"^\s*&", r"\{[^{}@]*\{[^{}]*\}", r"text-wrap", r"\binset:"],
)  # fmt: skip
def test_the_style_sheet_asks_for_nothing_newer(newer):
    text = re.sub(r"/\*.*?\*/", "", (FOLDER / "page.css").read_text(), flags=re.DOTALL)
    # Rules inside of @media and @supports are as old as the hills.
    text = re.sub(r"@(media|supports)[^{]*\{", "", text)
    assert not re.search(newer, text, re.MULTILINE)
