"""JSON as the standard defines it, and no more of it than a request may carry.

The standard library's ``json`` accepts NaN, Infinity, a key twice and any depth; none of them may
reach the database.
"""

import json
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 8
Object = dict[str, Any]  # of JSON
_MAX_DOUBLE = 1.7976931348623157e308


class NotJson(ValueError):
    """The text is not JSON, or not what a request may carry; the message says why."""


def parse(text: bytes) -> object:
    """Parse UTF-8 JSON.

    Raises:
        NotJson: not UTF-8, not JSON, NaN or Infinity, a key twice in one object, nested deeper than
            ``MAX_DEPTH``, or a number beyond a double.
    """
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise NotJson(f"nested deeper than {MAX_DEPTH}") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON: {error.msg} at character {error.pos}") from error
    except ValueError as error:  # our own, or an integer of more digits than int() takes
        raise NotJson(str(error)) from error
    _walk([value], 0)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotJson("a key occurs twice in one object")
    return result


def _no_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")


def _walk(children: Iterable[Any], depth: int) -> None:
    for child in children:
        kind = type(child)
        if kind is float or kind is int:
            if not -_MAX_DOUBLE <= child <= _MAX_DOUBLE:
                raise NotJson("a number is beyond a double")
        elif kind is dict or kind is list:
            if depth >= MAX_DEPTH:
                raise NotJson(f"nested deeper than {MAX_DEPTH}")
            _walk(child.values() if kind is dict else child, depth + 1)
