"""A real browser: Debian's Chromium without a screen, driven through its chromedriver."""

import base64
import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.support.parameters import unknown

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = None if CHROMIUM and CHROMEDRIVER else "Debian's chromium and chromium-driver are missing"
PHONE, DESKTOP = (360, 780), (1280, 900)
PATIENCE_S = 20
SWITCHES = (
    "headless=new",
    "no-sandbox",  # root has none, and the pages are ours
    "disable-dev-shm-usage",
    "disable-gpu",
    "disable-background-networking",
    "hide-scrollbars",
)
_pause = Event().wait


class Browser:
    """One browser window with a profile of its own."""

    def __init__(self, folder: Path, switches: Iterable[str] = ()):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        options.accept_insecure_certs = True  # the CA of the tests is in no browser's store
        for switch in (*SWITCHES, *switches):
            options.add_argument(f"--{switch}")
        options.add_argument(f"--user-data-dir={folder}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(CHROMEDRIVER))
        self.driver.set_page_load_timeout(30)
        self._sessions: dict[tuple[str, str], list[dict]] = {}  # of address and token
        self._language = ""
        self.misspelt: list[str] = []  # addresses that were asked with unknown parameters
        self.modules_of: str | None = (
            None  # of which site an idle document is open, to call its modules
        )
        self.language("en-GB")
        self.resize(DESKTOP)

    def command(self, name: str, **parameters: object) -> dict:
        """Run a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def close(self) -> None:
        self.driver.quit()

    def resize(self, size: tuple[int, int]) -> None:
        """Return the page this size, as on a device of it."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)

    def colours(self, scheme: str) -> None:
        """Let the system prefer ``light`` or ``dark``."""
        preference = {"name": "prefers-color-scheme", "value": scheme}
        self.command("Emulation.setEmulatedMedia", features=[preference])

    def language(self, tag: str) -> None:
        """Let the system and the browser be of this language."""
        if tag == self._language:
            return
        self._language = tag
        self.command("Emulation.setLocaleOverride", locale=tag)
        agent = self.driver.execute_script("return navigator.userAgent")
        self.command("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=tag)

    @contextlib.contextmanager
    def prepared(self, script: str) -> Iterator[None]:
        """Run a script in each document that is opened meanwhile, before its own."""
        added = self.command("Page.addScriptToEvaluateOnNewDocument", source=f"{{{script}}}")
        try:
            yield
        finally:
            self.command("Page.removeScriptToEvaluateOnNewDocument", **added)
            self.open("about:blank")

    def open(self, url: str) -> None:
        self.driver.get(url)

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    def look_again(self) -> None:
        """Let the page ask at once, as for who comes back to it: not in up to five seconds."""
        self.run("document.dispatchEvent(new Event('visibilitychange'))")

    def text(self, selector: str) -> str:
        """Return the text of the first that matches, as it is shown; empty where none does."""
        while True:  # what is drawn anew in between is looked up again
            with contextlib.suppress(StaleElementReferenceException):
                found = self.driver.find_elements(By.CSS_SELECTOR, selector)
                return found[0].text if found else ""

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        def click_first() -> bool:  # as for ``text``
            found = self.all(selector)
            if found:
                found[0].click()
            return bool(found)

        self.wait(click_first, f"no {selector}")

    def wait(
        self, condition: Callable[[], object], failure: str, seconds: float = PATIENCE_S
    ) -> object:
        """Return what the condition gives as soon as that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(StaleElementReferenceException):
                if found := condition():
                    return found
            _pause(0.05)
        raise AssertionError(f"{failure}; the page says: {self.text('body')[:1500]}")

    def wait_text(self, selector: str, words: str, seconds: float = PATIENCE_S) -> str:
        return self.wait(
            lambda: self.text(selector) if words in self.text(selector) else None,
            f"{selector} never says {words!r}",
            seconds,
        )

    def wait_fresh(self, words: str = "of today") -> str:
        """Return what the line at the top says, shown or not, as soon as these words are in it."""
        said = "return document.querySelector('#freshness').textContent"
        return self.wait(
            lambda: self.run(said) if words in self.run(said) else None,
            f"the line at the top never says {words!r}",
        )

    def open_all(self) -> None:
        """Open all that is folded."""
        self.run("for (const box of document.querySelectorAll('details')) box.open = true")

    def log_in(self, url: str, token: str) -> None:
        """Open the page, logged in: by the form at first, later by the session that it gave."""
        known = (url.partition("/?")[0], token)
        self._enter(known)
        self.open(url)
        self.wait(lambda: self.all("#token, #views a"), "no login")
        if self.all("#token"):
            self.all("#token")[0].send_keys(token)
            self.click("form button")
            self.wait(lambda: self.all("#views a"), "not logged in")
            cookies = self.command("Network.getCookies")["cookies"]
            kept = ("name", "value", "path", "secure", "httpOnly", "sameSite")
            self._sessions[known] = [
                {"url": url} | {key: cookie[key] for key in kept} for cookie in cookies
            ]

    def be_logged_in(self, url: str, token: str) -> None:
        """Have the session for what is opened next, while no page is open."""
        known = (url, token)
        if known in self._sessions:
            self._enter(known)
        else:
            self.log_in(url, token)
            self.open("about:blank")

    def _enter(self, known: tuple[str, str]) -> None:
        for cookie in self._sessions.get(known, ()):
            self.driver.execute_cdp_cmd("Network.setCookie", cookie)

    def console(self) -> list[str]:
        """Return what the console was told since the last look, warnings and worse."""
        entries = self.driver.get_log("browser")
        return [e["message"] for e in entries if e["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[dict]:
        """Return the requests since the last look: url, method, and the bytes of the answer."""
        found = list(_requests(self.driver.get_log("performance")))
        self.misspelt += [one["url"] for one in found if unknown(one["url"])]
        return found

    def screenshot(self, path: Path, height: int | None = None) -> None:
        """Write a picture of the page, down to its end or to a height, in pixels."""
        size = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": height or size[1], "scale": 1}
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))


def _requests(entries: list[dict]) -> Iterator[dict]:
    begun: dict[str, dict] = {}
    for entry in entries:
        message = json.loads(entry["message"])["message"]
        event, about = message["method"], message["params"]
        if event == "Network.requestWillBeSent":
            request = about["request"]
            begun[about["requestId"]] = {"url": request["url"], "method": request["method"]}
        elif event == "Network.loadingFinished" and about["requestId"] in begun:
            begun[about["requestId"]]["bytes"] = about["encodedDataLength"]
    yield from begun.values()


@contextlib.contextmanager
def browser(folder: Path, switches: Iterable[str] = ()) -> Iterator[Browser]:
    """Return a browser, with more switches than usual if told, closed at the end."""
    opened = Browser(folder, switches)
    with contextlib.closing(opened):
        yield opened
