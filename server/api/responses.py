"""Answers to GET: JSON that can be revalidated, CSV as a stream, both with gzip on request.

Everything here runs inside a request, except the stream: its later pieces are made while it is
being sent. A slow reader holds a thread for as long, unless a proxy buffers the answer, which ours
do up to some MB; so only a few larger ones are sent at a time.
"""

import csv
import gzip
import io
import itertools
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from flask import Response, jsonify, request

from server.api.errors import Refused
from server.database.pool import RETRY_AFTER_S, Row

LARGE_BYTES = 4_194_304  # server/Caddyfile holds a little more than that for a slow reader
_turns = threading.BoundedSemaphore(2)  # a worker has four threads (gunicorn.conf.py)
_WORTH_GZIP_BYTES = 1024  # less fits into a packet anyway
_LEVEL = 6  # beyond it, much more work for next to nothing
_PLACES, _NOISE_KWH = 5, 5e-10  # of an energy in CSV: what subtracting counters adds to it
_GZIP = 31  # zlib's window bits for: with a gzip header and trailer


def json_answer(**content: object) -> Response:
    """Return this content as JSON, or a 304 if the client has it already.

    The ETag is a hash of the body. It is a strong one, so the compressed form has another.

    Raises:
        Refused: 503 it is large, and enough such answers are being sent.
    """
    response = jsonify(content)
    compressed = response.content_length >= _WORTH_GZIP_BYTES and _takes_gzip()
    response.add_etag()
    if compressed:
        response.set_etag(f"{response.get_etag()[0]}-gzip")
    response.headers["Cache-Control"] = "private, no-cache"  # cache it, but revalidate each time
    response.vary.add("Accept-Encoding")
    if request.if_none_match.contains_weak(str(response.get_etag()[0])):
        response.status_code = 304
        response.set_data(b"")
    elif compressed:
        response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
        response.content_encoding = "gzip"
    return _in_turn(response)


def csv_answer(columns: Sequence[str], pieces: Iterable[Iterable[Row]], file_name: str) -> Response:
    """Return rows as CSV: a header line, null = empty, sent piece by piece as they are read.

    The first piece is read at once, so that a failure then is still answered as an error. A later
    failure ends the connection before the end of the body, so nobody takes a part for the whole.
    Debian's Caddy (2.6) would: it ends a body without a length as if it were complete. So a proxy
    gets the length, for which all pieces are read first (some MB at most).

    Args:
        columns: names, in order; each row has all of them.
        pieces: of rows; read while earlier ones are sent.
        file_name: to save it under: ASCII without quotes.

    Raises:
        Refused: 503 it is large, and enough such answers are being sent.
    """
    cells = [(name, name.endswith("_kwh")) for name in columns]
    texts = (
        _lines(
            [_quiet(row[name]) if is_energy else row[name] for name, is_energy in cells]
            for row in rows
        )
        for rows in pieces
    )
    stream = itertools.chain([_lines([columns]) + next(texts, b"")], texts)
    compressed = _takes_gzip()
    body = _gzipped(stream) if compressed else stream
    is_proxied = "X-Forwarded-For" in request.headers
    response = Response(b"".join(body) if is_proxied else body, mimetype="text/csv")
    if compressed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return _in_turn(response)


def _in_turn(response: Response) -> Response:
    """Return the response; a large one only while few such are being sent.

    Raises:
        Refused: 503 enough such are being sent.
    """
    if (response.content_length or 0) <= LARGE_BYTES:
        return response
    if not _turns.acquire(blocking=False):
        detail = "other large answers are still being read; try again, or request less at a time"
        raise Refused(503, detail, {"Retry-After": str(RETRY_AFTER_S)})
    response.response = _Turn(response.get_data())
    return response


class _Turn:
    """A body that ends its turn when it is sent, or given up."""

    def __init__(self, body: bytes):
        self._pieces, self._is_over = iter([body]), False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            self.close()
            raise

    def close(self) -> None:
        """Let the next one begin, once."""
        if not self._is_over:
            self._is_over = True
            _turns.release()

    __del__ = close


def _takes_gzip() -> bool:
    return request.accept_encodings.best_match(("gzip", "identity")) == "gzip"


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(map(_cell, row) for row in rows)
    return text.getvalue().encode()


def _quiet(kwh: float | None) -> float | None:
    """Return an energy without the noise of its computation; any other number unchanged.

    The difference of two counters of thousands of kWh with one decimal is 11.900000000001455, which
    a spreadsheet shows. A number with more decimals of its own keeps them all.
    """
    if kwh is None:
        return None
    plain = round(kwh, _PLACES) + 0.0  # never -0.0
    return plain if abs(kwh - plain) < _NOISE_KWH else kwh


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value  # as JSON spells it


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
