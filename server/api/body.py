"""Read a request's body within its limits, compressed or not."""

import zlib

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from server.api.errors import Refused

_GZIP = 31  # zlib's window bits for exactly one gzip header and trailer


def read(request: Request, max_bytes: int) -> bytes:
    """Return the body, decompressed.

    Args:
        request: with no Content-Encoding, or with ``gzip``.
        max_bytes: its largest size, before and after decompression.

    Raises:
        Refused: 415 another encoding; 413 too large; 400 broken gzip or chunks, or it broke off.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        raise Refused(415, "Content-Encoding may be gzip or absent", {"Accept-Encoding": "gzip"})
    raw = _raw(request, max_bytes)
    return _gunzip(raw, max_bytes) if encoding == "gzip" else raw


def _raw(request: Request, max_bytes: int) -> bytes:
    # One byte more than allowed: a chunked body is silently cut at this limit.
    request.max_content_length = max_bytes + 1
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise _too_large(max_bytes) from error
    except (ClientDisconnected, ParseException) as error:
        raise Refused(400, "the body ended early, or its chunks are malformed") from error
    if len(raw) > max_bytes:
        raise _too_large(max_bytes)
    return raw


def _gunzip(raw: bytes, max_bytes: int) -> bytes:
    # At most one byte more than allowed is ever unpacked, whatever the bomb holds.
    unpacker = zlib.decompressobj(_GZIP)
    try:
        text = unpacker.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise Refused(400, f"broken gzip: {error}") from error
    if len(text) > max_bytes:
        raise _too_large(max_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(400, "broken gzip: it ends early, or something follows it")
    return text


def _too_large(max_bytes: int) -> Refused:
    return Refused(413, f"larger than {max_bytes} bytes; send fewer samples a request")
