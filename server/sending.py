"""How an answer to a GET leaves: JSON that can be revalidated, CSV as a stream, gzip where wanted.

Everything here runs inside a request, but for the stream: its later pieces are made while it is
being sent.
"""

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence

from flask import Response, jsonify, request

_WORTH_GZIP_BYTES = 1024  # less fits into a packet anyway
_LEVEL = 6  # beyond it, much more work for next to nothing
_GZIP = 31  # zlib's window bits for: with a gzip header and trailer


def json_answer(**content: object) -> Response:
    """Give this content as JSON, or a 304 where the client has it already.

    The ETag is a hash of the body. It is a strong one, so the compressed form has another.
    """
    response = jsonify(content)
    compressed = response.content_length >= _WORTH_GZIP_BYTES and _takes_gzip()
    response.add_etag()
    if compressed:
        response.set_etag(f"{response.get_etag()[0]}-gzip")
    response.headers["Cache-Control"] = "private, no-cache"  # keep it, but ask each time
    response.vary.add("Accept-Encoding")
    if request.if_none_match.contains_weak(response.get_etag()[0]):
        response.status_code = 304
        response.set_data(b"")
    elif compressed:
        response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
        response.content_encoding = "gzip"
    return response


def csv_answer(
    columns: Sequence[str], pieces: Iterable[Iterable[dict]], file_name: str
) -> Response:
    """Give rows as CSV: a header line, null = empty, sent piece by piece as they are read.

    The first piece is read at once, so that what fails then is still answered as an error. What
    fails later ends the connection before the end of the body, so nobody takes the part for all.

    Args:
        columns: names, in order; each row has all of them.
        pieces: of rows; read while earlier ones are sent.
        file_name: for whoever saves it: ASCII without quotes.
    """
    texts = (_lines([row[name] for name in columns] for row in rows) for rows in pieces)
    stream = itertools.chain([_lines([columns]) + next(texts, b"")], texts)
    compressed = _takes_gzip()
    response = Response(_gzipped(stream) if compressed else stream, mimetype="text/csv")
    if compressed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def _takes_gzip() -> bool:
    return request.accept_encodings.best_match(("gzip", "identity")) == "gzip"


def _lines(rows: Iterable[Iterable]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(map(_cell, row) for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value  # as JSON spells it


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
