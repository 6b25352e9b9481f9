"""Who sends and reads what of the grid meter. Everything here runs inside a request.

An edge of other make calls its meter what it likes: a P1 token says which house that is, and so
does any token of one house only. The answer repeats the name that was asked for.
"""

from typing import NamedTuple

from flask import request

from edge_lib.shared.command_names import server_command
from edge_lib.shared.fields import is_device_id
from server.api.errors import Refused, any_caller
from server.api.query_args import wrong


class House(NamedTuple):
    """The house of a request, and what the request calls it."""

    device_id: str
    name: str


def sending_device() -> str:
    """Return the house whose meter's readings the caller may send.

    Raises:
        Refused: 401 and 429 as anywhere; 403 the token is not a P1 token.
    """
    who = any_caller()
    if not who.is_p1:
        command = server_command(f"tokens new {who.devices[0]} --p1")
        raise Refused(403, f"readings of a grid meter come with a P1 token; see: {command}")
    return who.devices[0]


def house() -> House:
    """Return the house of a query.

    Raises:
        Refused: 401 and 429 as anywhere; 403 the token has several houses, and not this one; 422
            it has several and the query names none, or what it names cannot be a device.
    """
    who = any_caller()
    name = request.args.get("device_id", who.devices[0] if len(who.devices) == 1 else None)
    if name is None:
        raise wrong("device_id", "is missing", "missing")
    if name in who.devices and not who.is_p1:
        return House(name, name)
    if len(who.devices) > 1:
        raise Refused(403, "this token may not read that device")
    if not is_device_id(name):
        raise wrong("device_id", "must be 1 to 64 of A-Za-z0-9._-", "string_pattern")
    return House(who.devices[0], name)
