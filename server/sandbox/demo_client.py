"""The demo's view of the API: a client over TLS, and how it shows a reading."""

import gzip
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from edge_lib.shared.timestamps import parse_ts
from server.sandbox.demo_house import Sample

TIMEOUT_S = 5


class DemoError(Exception):
    """The chain does not work; the text says where."""


class Api:
    """The API as a client sees it, over TLS."""

    def __init__(self, url: str, ca: Path, device_token: str, read_token: str):
        self.url, self.ca, self.device_token, self.read_token = url, ca, device_token, read_token
        self._session = requests.Session()
        self._session.trust_env, self._session.verify = False, str(ca)

    def newest(self) -> Sample:
        """Return the newest sample; raises ``DemoError`` where there is none."""
        answer = self._ask("GET", "/v1/realtime", self.read_token)
        if answer.status_code != 200:
            raise DemoError(f"/v1/realtime answers {answer.status_code}: {answer.text.strip()}")
        sample: Sample = answer.json()
        return sample

    def ingest(self, samples: list[Sample], p1_samples: list[Sample]) -> None:
        """Send a batch as an edge does; raises ``DemoError`` unless it was stored."""
        batch = {"samples": samples, "p1_samples": p1_samples}
        content = gzip.compress(json.dumps(batch).encode(), 6)
        answer = self._ask(
            "POST", "/v1/ingest", self.device_token, {"Content-Encoding": "gzip"}, content
        )
        if answer.status_code != 200:
            raise DemoError(f"/v1/ingest answers {answer.status_code}: {answer.text.strip()}")

    def curls(self) -> list[str]:
        """Return commands that a user can paste."""
        curl = f"curl --cacert {shlex.quote(str(self.ca))}"
        auth = f"-H 'Authorization: Bearer {self.read_token}'"
        return [
            f"{curl} {self.url}/health",
            f"{curl} {auth} {self.url}/v1/realtime",
            f"{curl} {auth} '{self.url}/v1/series?frame=month'",
        ]

    def _ask(
        self,
        method: str,
        path: str,
        token: str,
        more: Mapping[str, str] | None = None,
        data: bytes = b"",
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **(more or {})}
        try:
            return self._session.request(
                method, self.url + path, headers=headers, data=data, timeout=TIMEOUT_S
            )
        except requests.RequestException as error:
            raise DemoError(f"{path}: {error}") from error


def line(sample: Sample, zone: str) -> str:
    """Return a reading in one line, in the site's time."""
    at = parse_ts(sample["ts"]).astimezone(ZoneInfo(zone))
    return (
        f"{at:%H:%M:%S}  solar {_number(sample['pv_power_w'], 5)} W"
        f"  battery {_flow(sample['battery_power_w'], 'in ', 'out')}"
        f" ({_number(sample['battery_soc_pct'], 5, 1)} %)"
        f"  house {_number(sample['load_power_w'], 5)} W"
        f"  grid {_flow(sample['export_power_w'], 'out', 'in')}"
        f"{' by P1' if sample.get('grid_source') == 'p1' else ''}"
    )


def _flow(power_w: float | None, positive: str, negative: str) -> str:
    if power_w is None:
        return f"{_number(None, 5)} W"
    return f"{_number(abs(power_w), 5)} W {positive if power_w >= 0 else negative}"


def _number(value: float | None, width: int, digits: int = 0) -> str:
    """Return a number; a dash for what nobody measures."""
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"
