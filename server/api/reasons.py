"""Why there is no figure, told to one house: the command to type has its name.

What the nights find is computed, and stored, without it: there a command says ``DEVICE``.
"""

import re
from typing import Any

_PLACEHOLDER = re.compile(r"\bDEVICE\b")


def told(found: dict[str, Any], device_id: str) -> dict[str, Any]:
    """Return an answer of which every ``reason_text``, however deep, names the house."""
    return {name: _told(name, value, device_id) for name, value in found.items()}


def _told(name: str, value: Any, device_id: str) -> Any:
    if isinstance(value, dict):
        return told(value, device_id)
    if isinstance(value, list):
        return [_told(name, one, device_id) for one in value]
    if name == "reason_text" and value:
        return _PLACEHOLDER.sub(device_id, value)
    return value
