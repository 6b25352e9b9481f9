"""Debian's Firefox ESR without a screen, driven by WebDriver BiDi over its own socket."""

import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import websocket  # of selenium

FIREFOX = shutil.which("firefox-esr")
MISSING = None if FIREFOX else "Debian's firefox-esr is missing"
PATIENCE_S = 20
# It shall ask nobody but our server, and tell nobody of itself.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "intl.accept_languages": "en-GB",
    "intl.locale.requested": "en-GB",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "ui.useOverlayScrollbars": 1,  # as on a phone: none takes of the width
}
_pause = Event().wait


class Firefox:
    """One window with a profile of its own; what it says to its console is kept."""

    def __init__(self, profile: Path):
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        arguments = ["--headless", "--profile", profile, "--remote-debugging-port", "0"]
        with (profile / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [FIREFOX, *arguments, "about:blank"], stdout=errors, stderr=errors
            )
        self._numbers = itertools.count(1)
        self.console: list[str] = []
        try:
            told = profile / "WebDriverBiDiServer.json"
            self._until(lambda: told.exists() and told.read_text(), "it does not start")
            port = json.loads(told.read_text())["ws_port"]
            self._socket = websocket.create_connection(
                f"ws://127.0.0.1:{port}/session", suppress_origin=True, timeout=PATIENCE_S
            )
            # The CA of the tests is in no browser's store.
            self._command(
                "session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}}
            )
            self._command("session.subscribe", events=["log.entryAdded"])
            (window,) = self._command("browsingContext.getTree")["contexts"]
            self._window = window["context"]
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def close(self) -> None:
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._command("browser.close")
        self._socket.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("method") == "log.entryAdded":
                self._hear(answer["params"])
            elif answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def _hear(self, entry: dict) -> None:
        if entry["level"] in ("warn", "error"):
            self.console.append(f"{entry['level']}: {entry['text']}")

    def resize(self, size: tuple[int, int]) -> None:
        """Let the page have this size."""
        viewport = {"width": size[0], "height": size[1]}
        self._command("browsingContext.setViewport", context=self._window, viewport=viewport)

    def open(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def run(self, script: str, *arguments: object) -> object:
        """Return what a script returns of these arguments, or promises."""
        inner = f"await (async () => {{ {script} }})()"  # which has the arguments of the outer
        function = f"async function () {{ return JSON.stringify({inner}); }}"
        found = self._command(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[_sent(one) for one in arguments],
            target={"context": self._window},
            awaitPromise=True,
        )
        assert found["type"] == "success", found.get("exceptionDetails")
        return json.loads(found["result"].get("value", "null"))

    def keys(self, *pressed: str) -> None:
        """Press keys, one after the other, where the focus is."""
        actions = [{"type": kind, "value": key} for key in pressed for kind in ("keyDown", "keyUp")]
        self._command(
            "input.performActions",
            context=self._window,
            actions=[{"type": "key", "id": "keyboard", "actions": actions}],
        )

    def text(self, selector: str) -> str:
        """Return the text of the first that matches, as it is shown; empty where none does."""
        script = "const n = document.querySelector(arguments[0]); "
        script += "return n?.innerText ?? n?.textContent ?? ''"  # a drawing has none
        found = self.run(script, selector)
        return found.replace("\u00a0", " ")

    def count(self, selector: str) -> int:
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def click(self, selector: str) -> None:
        self.wait(lambda: self.count(selector), f"no {selector}")
        self.run("document.querySelector(arguments[0]).click()", selector)

    def wait(self, condition: Callable[[], object], failure: str) -> object:
        """Return what the condition gives as soon as that is true."""
        return self._until(condition, lambda: f"{failure}; the page says: {self.text('body')}")

    def wait_text(self, selector: str, words: str) -> str:
        return self.wait(
            lambda: self.text(selector) if words in self.text(selector) else None,
            f"{selector} never says {words!r}",
        )

    @staticmethod
    def _until(condition: Callable[[], object], failure: str | Callable[[], str]) -> object:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := condition():
                return found
            _pause(0.05)
        raise AssertionError(failure() if callable(failure) else failure)


def _sent(value: object) -> dict:
    """Return a value as the protocol has it."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
    return {"type": kinds[type(value)], "value": value}


@contextlib.contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """Return a Firefox, closed at the end."""
    with contextlib.closing(Firefox(profile)) as opened:
        yield opened
