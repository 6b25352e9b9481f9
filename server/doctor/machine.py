"""The checks of this machine: settings, secrets, tokens, cache.

Each public function here, in ``doctor.database`` and in ``doctor.front`` makes one check or some
and returns findings.
"""

import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import ConfigError, secret, secret_file
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding
from server import cache
from server import settings as settings_module
from server.auth import known_tokens
from server.auth.callers import Tokens

SECRETS = ("DATABASE_URL", "DEVICE_TOKENS", "READ_TOKENS", "METRICS_TOKEN", "SECRET_KEY")


def settings(env: Mapping[str, str]) -> list[Finding]:
    """Return whether the server would start on these settings."""
    try:
        found = settings_module.read(env)
    except ConfigError as error:
        return [Finding("settings", FAILED, str(error))]
    return [Finding("settings", OK, f"well-formed; days are those of {found.site_timezone}")]


def secrets(env: Mapping[str, str], dotenv: Path) -> list[Finding]:
    """Return whether the files of secrets are readable for us, and for nobody else."""
    found, files = [], 0
    for name in SECRETS:
        try:
            files += secret_file(env, name) is not None
            secret(env, name)
        except ConfigError as error:
            found.append(Finding("secrets", FAILED, str(error)))
    if dotenv.exists() and dotenv.stat().st_mode & stat.S_IRWXO:
        text = f"other users of this machine can read {dotenv}; run: chmod 640 {dotenv}"
        found.append(Finding("secrets", FAILED, text))
    text = f"{files} in files that only we can read" if files else "none of them in a file"
    return found or [Finding("secrets", OK, text)]


def device_tokens(env: Mapping[str, str]) -> list[Finding]:
    """Return whether the tokens are well-formed, and none is kept in plain text."""
    try:
        Tokens(env)
        known = known_tokens.known(env)
    except ConfigError as error:
        return [Finding("tokens", FAILED, str(error))]
    count = Counter(token.devices[0] for token in known if token.kind == "device")
    found = [
        Finding("tokens", WARNING, f"{device} has {n} tokens; see: {server_command('tokens list')}")
        for device, n in count.items()
        if n > known_tokens.LIVE_TOKENS
    ]
    if plain := sum(token.is_plain for token in known):
        make = server_command("tokens new")
        text = f"{plain} are kept in plain text; {make} makes tokens kept as SHA-256 alone"
        found.append(Finding("tokens", WARNING, text))
    meters = sum(token.kind == known_tokens.P1 for token in known)
    readers = len(known) - count.total() - meters
    text = f"{count.total()} of devices ({', '.join(count)}), {readers} that read"
    text += f", {meters} of P1 meters" if meters else ""
    return found or [Finding("tokens", OK, text)]


def redis(env: Mapping[str, str]) -> list[Finding]:
    """Return whether the cache answers."""
    try:
        url = settings_module.cache_url(env)
    except ConfigError as error:
        return [Finding("redis", FAILED, str(error))]
    state = cache.Cache(url, ttl_s=1, installation=str).state()
    if state == "down":
        text = "no answer, so the database serves all; is Redis running, and is REDIS_URL right?"
        return [Finding("redis", WARNING, text)]
    return [Finding("redis", OK, "answers" if state == "ok" else "not used: no REDIS_URL")]
