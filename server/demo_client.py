"""The demo's view of the API: a client over TLS, and how it shows a reading."""

import gzip
import json
import shlex
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from edge_lib.sample import parse_ts

TIMEOUT_S = 5


class DemoError(Exception):
    """The chain does not work; the text says where."""


class Api:
    """The API as a client sees it, over TLS."""

    def __init__(self, url: str, ca: Path, device_token: str, read_token: str):
        self.url, self.ca, self.device_token, self.read_token = url, ca, device_token, read_token
        self._session = requests.Session()
        self._session.trust_env, self._session.verify = False, str(ca)

    def newest(self) -> dict:
        """Give the newest sample; raises ``DemoError`` where there is none."""
        answer = self._ask("GET", "/v1/realtime", self.read_token)
        if answer.status_code != 200:
            raise DemoError(f"/v1/realtime answers {answer.status_code}: {answer.text.strip()}")
        return answer.json()

    def ingest(self, samples: list[dict]) -> None:
        """Send a batch as an edge does; raises ``DemoError`` unless it was stored."""
        content = gzip.compress(json.dumps({"samples": samples}).encode(), 6)
        answer = self._ask(
            "POST", "/v1/ingest", self.device_token, {"Content-Encoding": "gzip"}, content
        )
        if answer.status_code != 200:
            raise DemoError(f"/v1/ingest answers {answer.status_code}: {answer.text.strip()}")

    def curls(self) -> list[str]:
        """Give commands that a user can paste."""
        curl = f"curl --cacert {shlex.quote(str(self.ca))}"
        auth = f"-H 'Authorization: Bearer {self.read_token}'"
        return [
            f"{curl} {self.url}/health",
            f"{curl} {auth} {self.url}/v1/realtime",
            f"{curl} {auth} '{self.url}/v1/series?frame=month'",
        ]

    def _ask(
        self, method: str, path: str, token: str, headers: dict | None = None, data: bytes = b""
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        try:
            return self._session.request(
                method, self.url + path, headers=headers, data=data, timeout=TIMEOUT_S
            )
        except requests.RequestException as error:
            raise DemoError(f"{path}: {error}") from error


def line(sample: dict, zone: str) -> str:
    """Show a reading in one line, in the site's time."""
    at = parse_ts(sample["ts"]).astimezone(ZoneInfo(zone))
    battery = sample["battery_power_w"] or 0
    grid = sample["export_power_w"]
    return (
        f"{at:%H:%M:%S}  solar {sample['pv_power_w']:5.0f} W"
        f"  battery {abs(battery):5.0f} W {'in ' if battery >= 0 else 'out'}"
        f" ({sample['battery_soc_pct'] or 0:5.1f} %)"
        f"  house {sample['load_power_w']:5.0f} W"
        f"  grid {abs(grid):5.0f} W {'out' if grid >= 0 else 'in'}"
    )
