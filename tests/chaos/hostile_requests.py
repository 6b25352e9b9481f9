"""Requests that no edge would send: malformed, hostile, or only odd. All from one seeded die.

``Maker.request()`` gives the kind and the bytes. The bodies are made from the field table of the
contract, the rest from a matrix of methods, paths and headers, and from what breaks HTTP itself.
"""

import gzip
import json
import random
from datetime import UTC, datetime, timedelta

from edge_lib.shared.sample import FIELDS, NAMES
from tests.chaos.stack import numbered
from tests.support.parameters import TAKES

# May end without an answer: the server hangs up on what is no HTTP, or on a body it will not read.
MAY_BE_SILENT = ("no_http", "framing", "too_big")
VALUES = (
    *(None, True, False, 0, -1, 1, 0.0, -0.0, 0.5, 1e308, -1e308, 5e-324, 2**31, 2**53, 2**63),
    *(
        -(2**63),
        2**64,
        10**30,
        10**300,
        "",
        " ",
        "0",
        "1",
        "NaN",
        "inf",
        "null",
        "true",
        "a" * 5000,
    ),
    *("\0", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "\ufeff", "é" * 64, "😀", "%00", "${x}"),
    *("' OR 1=1--", "'; DROP TABLE sungrow_samples;--", "<script>", "../../etc/passwd", "\r\nX: y"),
    *("now", "infinity", "yesterday", "epoch", "2026-01-01", "2026-02-30T00:00:00Z"),
    *(
        "2026-01-01T00:00:60Z",
        "2026-01-01T24:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ),
    *("2026-01-01T00:00:00+99:99", "2026-01-01T00:00:00.1234567Z", "\u0662026-01-01T00:00:00Z"),
    *([], {}, [1], [[]], {"a": 1}, [None] * 50, {"$ne": 1}, [{"a": [{"b": [{}]}]}]),
)
RAW_VALUES = (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e999", b"1" * 5000, b"0x10", b"01")
RAW_VALUES += (b"+1", b".5", b"1.", b"'a'", b'"\\ud800"', b'"\\u0000"', b'"\xff"', b"undefined")
RAW_VALUES += (b"[" * 2000, b'{"a":' * 500, b"", b"\x00", b"\xef\xbb\xbf1", b"1,", b"/**/1")
# All whose path is fixed.
ENDPOINTS = (
    *("/", "/health", "/login", "/logout", "/metrics", "/pair"),
    *("/p1/health", "/p1/v1/daily-energy", "/p1/v1/ingest", "/p1/v1/ingest/v1/ingest"),
    *("/p1/v1/realtime", "/p1/v1/series", "/v1/alerts", "/v1/battery", "/v1/battery/events"),
    *("/v1/battery/whatif", "/v1/completeness", "/v1/devices", "/v1/envelope", "/v1/faults"),
    *("/v1/gaps", "/v1/hours", "/v1/ingest", "/v1/p1/capacity", "/v1/realtime", "/v1/referee"),
    *("/v1/roof", "/v1/roof/day", "/v1/series", "/v1/shade", "/v1/silences", "/v1/states"),
    *("/v1/status", "/v1/strings", "/v1/sun"),
)
PATHS = (
    *("/v1/", "/v1", "//v1/ingest", "/v1//ingest", "/v1/ingest/", "/V1/INGEST", "/v1/ingest%00"),
    *("/v1/ingest%2f..", "/../etc/passwd", "/v1/%2e%2e/%2e%2e/etc/passwd", "/%ff%fe", "/%", "/%zz"),
    *("/v1/ingest;a=b", "/v1/ingest?a=b#c", "/static/x", "/favicon.ico", "/.env", "/metrics"),
    *("*", "http://localhost/v1/ingest", "http://evil.example/health", "/" + "a" * 3000, "/é", "?"),
    *("/v1/realtime?device_id=hostile", "/v1/realtime?device_id=", "/v1/series?frame=day"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
METHODS += ("PROPFIND", "BREW", "get", "GE T", "G\0T", "X" * 40)
HEADERS = (
    *("Host: evil.example", "Host:", "Host: a\tb", "Host: localhost\r\nHost: other", "X: y"),
    *("Content-Type: text/xml", "Content-Type: application/json; charset=utf-7", "Content-Type:"),
    *("Content-Encoding: br", "Content-Encoding: gzip, gzip", "Content-Encoding: GZIP"),
    *("Accept: text/html", "Accept-Encoding: gzip;q=x", "Accept-Language: " + "x" * 2000),
    *("Cookie: session=\x80\xff", "Cookie: " + "a=b; " * 500, "Range: bytes=0-", "If-Match: *"),
    *("Expect: 100-continue", "Expect: 200-ok", "Upgrade: h2c", "Connection: upgrade"),
    *("X-Forwarded-For: 1.2.3.4, '", "X-Forwarded-For: " + "1," * 900, "X-Forwarded-Proto: ftp"),
    *(
        "Origin: null",
        "Origin: https://evil.example",
        "Referer: \xe9",
        "X-HTTP-Method-Override: PUT",
    ),
    *("Authorization: Basic YTpi", "Authorization: Bearer", "Authorization: Bearer \xe9\xe9"),
    *("Authorization: Bearer " + "a" * 3000, "Authorization: bearer  \t x", "Authorization: é"),
    *("Authorization: Bearer token-of-hostile token", "Proxy-Authorization: x", "Trailer: X"),
    *("Bad Header: x", "Bad\x00: x", ": x", " folded: x", "X-Y:\r\n folded", "A_B: c", "X: \x00"),
    *(
        "Content-Length: -1",
        "Content-Length: 5, 5",
        "Content-Length: 1e3",
        "Content-Length: \u0665",
    ),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: x, chunked"),
    *("Transfer-Encoding: chunked, identity", "Transfer-Encoding: \x0bchunked", "TE: trailers"),
)
QUERY = (
    *("device_id", "frame", "date", "from", "to", "bucket", "format", "x"),
    *("device_id[]", "FRAME", "frame ", "%00", "limit", "at", "string", "period", "capacity"),
    *("columns", "fields", "digits", "kind", "month"),
)
QUERY_VALUES = (
    *("", "hostile", "other", "day", "month", "year", "all", "1h", "5m", "1mo", "csv", "xml", "-1"),
    *("2026-03-29", "2026-02-30", "0000-00-00", "9999-12-31", "2026-03-29T00:00:00Z", "1e9", "now"),
    *("2010-01-01T00:00:00Z", "2026-03-29T02:30:00+02:00", "0001-01-01T00:00:00+14:00", "infinity"),
    *(
        "%00",
        "%ff",
        "%ed%a0%80",
        "%27%3B--",
        "%0d%0aX:y",
        "a" * 2000,
        "%",
        "%e2%80%ae",
        "NaN",
        "\u0663",
    ),
)
PARTS = ("device", "reports", "gaps", "parked", "batch_id", "x")


class Maker:
    """Makes requests; the same seed makes the same ones, but for the present time."""

    def __init__(self, device: str, token: str, seed: int):
        self.device, self.token, self.dice = device, token, random.Random(seed)
        self._kinds = (
            *(self.field, self.field, self.field, self.structure, self.text, self.parts),
            *(self.packed, self.query, self.query, self.matrix, self.matrix, self.matrix),
            *(self.framing, self.no_http),
        )
        self._number = 0

    def request(self) -> tuple[str, bytes]:
        """Return the kind and the bytes of one request."""
        if self.dice.random() < 0.005:
            return "too_big", self.too_big()
        make = self.dice.choice(self._kinds)
        return make.__name__, make()

    def good(self) -> bytes:
        """Return a request that must store one sample."""
        return self._post(json.dumps({"samples": [self._sample()]}).encode())

    # Well-formed HTTP

    def field(self) -> bytes:
        samples = [self._sample() for _ in range(self.dice.choice((1, 1, 1, 3, 20)))]
        for _ in range(self.dice.randint(1, 3)):
            sample = self.dice.choice(samples)
            name = self.dice.choice((*NAMES, "a_new_field", "", "x" * 70, "\0", "é", "__proto__"))
            if self.dice.random() < 0.15:
                sample.pop(name, None)
            else:
                sample[name] = self._value(name)
        return self._post(json.dumps({"samples": samples}).encode())

    def structure(self) -> bytes:
        sample = self._sample()
        odd = self.dice.choice(
            (
                *([], {}, None, 1, "x", [sample], {"samples": sample}, {"samples": None}),
                *({"samples": [None]}, {"samples": [[sample]]}, {"Samples": [sample]}),
                *({"samples": [sample, sample]}, {"samples": [sample] * 1001}, {"samples": "x"}),
                *({"samples": [sample | {f"x{i}": i for i in range(40)}]}, {"samples": [{}] * 50}),
                {"samples": [sample, sample | {"pv_power_w": 1.0}, self.dice.choice(VALUES)]},
            )
        )
        return self._post(json.dumps(odd).encode())

    def text(self) -> bytes:
        body = json.dumps({"samples": [self._sample()]}).encode()
        at = self.dice.randrange(len(body))
        ways = (
            lambda: body[:at],
            lambda: body[:at] + bytes([self.dice.randrange(256)]) + body[at + 1 :],
            lambda: body[:at] + self.dice.choice(RAW_VALUES) + body[at:],
            lambda: body.replace(b"300.0", self.dice.choice(RAW_VALUES)),
            lambda: body.replace(b'"seq"', b'"pv_power_w"'),
            lambda: body + body,
            lambda: body.decode().encode("utf-16"),
            lambda: self.dice.choice(RAW_VALUES),
            lambda: self.dice.randbytes(at),
        )
        return self._post(self.dice.choice(ways)())

    def parts(self) -> bytes:
        content: dict = {"samples": []}
        for name in self.dice.sample(PARTS, 2):
            entry = {key: self._value("") for key in self.dice.sample(_PART_KEYS, 6)}
            good = {"boot": "ab", "seq": 1, "ts": self._ts(), "reason": "x", "cause": "x"}
            good |= {"slot": self._ts(), "polled": 1, "from_ts": self._ts(), "to_ts": self._ts()}
            entry = self.dice.choice((entry, good | dict([self.dice.choice(list(entry.items()))])))
            content[name] = self.dice.choice((entry, [entry], [entry] * 3, self._value("")))
        return self._post(json.dumps(content).encode())

    def packed(self) -> bytes:
        body = json.dumps({"samples": [self._sample()]}).encode()
        whole = gzip.compress(body)
        at = self.dice.randrange(len(whole))
        ways = (
            *(lambda: whole[:at], lambda: whole + b"x", lambda: whole + whole, lambda: body),
            lambda: whole[:at] + bytes([self.dice.randrange(256)]) + whole[at + 1 :],
            *(lambda: gzip.compress(bytes(3_000_000)), lambda: gzip.compress(whole), lambda: b""),
        )
        return self._post(self.dice.choice(ways)(), "Content-Encoding: gzip\r\n")

    def query(self) -> bytes:
        path = self.dice.choice(ENDPOINTS)
        taken = ("device_id", *TAKES.get(path, QUERY))
        # An unknown name, or one twice, is refused before any value is looked at.
        names = self.dice.sample(taken, min(len(taken), self.dice.randint(0, 4)))
        if self.dice.random() < 0.2:
            names += self.dice.choices(QUERY, k=self.dice.randint(1, 3))
        pairs = (f"{name}={self.dice.choice(QUERY_VALUES)}" for name in names)
        return self._head("GET", f"{path}?{'&'.join(pairs)}", self._auth()) + b"\r\n"

    def matrix(self) -> bytes:
        headers = "".join(
            f"{header}\r\n" for header in self.dice.sample(HEADERS, self.dice.randint(0, 2))
        )
        method, path = self.dice.choice(METHODS), self.dice.choice(ENDPOINTS + PATHS)
        auth = self.dice.choice(("", self._auth()))
        body = self.dice.choice((b"", b"{}", b'{"samples":[]}', b"5\r\nhello\r\n0\r\n\r\n"))
        length = self.dice.choice(("", f"Content-Length: {len(body)}\r\n"))
        return self._head(method, path, auth + headers + length) + b"\r\n" + body

    # Ill-formed HTTP

    def framing(self) -> bytes:
        body = json.dumps({"samples": [self._sample()]}).encode()
        auth = self._auth()
        chunked = auth + "Transfer-Encoding: chunked\r\n"
        post = "POST", "/v1/ingest"
        ways = (
            lambda: (
                self._head(*post, auth + f"Content-Length: {len(body) + 9}\r\n") + b"\r\n" + body
            ),
            lambda: (
                self._head(*post, auth + f"Content-Length: {len(body) - 9}\r\n") + b"\r\n" + body
            ),
            lambda: self._head(*post, chunked) + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
            lambda: self._head(*post, chunked) + b"\r\nzz\r\n" + body,
            lambda: self._head(*post, chunked) + b"\r\nfffffffffffffffff\r\n" + body,
            lambda: self._head(*post, chunked) + b"\r\n-1\r\n" + body,
            lambda: self._head(*post, chunked) + b"\r\n%x;ext\r\n" % len(body) + body,
            lambda: (
                self._head(*post, chunked + "Content-Length: 3\r\n") + b"\r\n3\r\nabc\r\n0\r\n\r\n"
            ),
            lambda: self._head(*post, "".join(f"X-{i}: y\r\n" for i in range(200))) + b"\r\n",
            lambda: self._head(*post, "X: " + "y" * 20_000 + "\r\n") + b"\r\n",
            lambda: self._head("GET", "/" + "a" * 9000, "") + b"\r\n",
            lambda: self._head(*post, auth)[: self.dice.randint(1, 60)],
        )
        return self.dice.choice(ways)()

    def no_http(self) -> bytes:
        ways = (
            lambda: self.dice.randbytes(self.dice.randint(1, 300)),
            lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self.dice.randbytes(200),
            lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            lambda: b"GET /health\r\n\r\n",
            lambda: b"GET /health HTTP/9.9\r\n\r\n",
            lambda: b"GET  /health  HTTP/1.1\r\n\r\n",
            lambda: b"GET /health HTTP/1.1\nHost: x\n\n",
            lambda: b"\r\n" * self.dice.randint(1, 50),
            lambda: b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /health HTTP/1.1\r\n\r\n",
            lambda: bytes(self.dice.randint(1, 9000)),
        )
        return self.dice.choice(ways)()

    def too_big(self) -> bytes:
        return self._post(b" " * self.dice.choice((2_097_153, 4_000_000)))

    def _post(self, body: bytes, headers: str = "") -> bytes:
        length = f"Content-Length: {len(body)}\r\n"
        return self._head("POST", "/v1/ingest", self._auth() + headers + length) + b"\r\n" + body

    def _head(self, method: str, path: str, headers: str) -> bytes:
        lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}"
        return lines.encode("utf-8", "surrogateescape")

    def _auth(self) -> str:
        return f"Authorization: Bearer {self.token}\r\n"

    def _value(self, name: str) -> object:
        near = [field for field in FIELDS if field.name == name]
        if near and self.dice.random() < 0.4:
            field = near[0]
            low, high = field.low, field.high
            return self.dice.choice((low, high, low - 1, high + 1, high + 1e-6, str(low), [high]))
        return self.dice.choice(VALUES)

    def _sample(self) -> dict:
        self._number += 1
        return numbered(self.device, self._number, self._time(), "ab")

    def _ts(self) -> str:
        return self._time().isoformat()

    def _time(self) -> datetime:
        us = timedelta(microseconds=self.dice.randrange(10**14))
        return datetime(2022, 1, 1, tzinfo=UTC) + us


_PART_KEYS = (
    *("boot", "seq", "ts", "reason", "content", "slot", "polled", "failed", "waiting", "clock"),
    *("oldest_unsent_ts", "parked", "from_ts", "to_ts", "cause", "count", "serial", "model"),
    *("device_type_code", "nominal_power_w", "firmware", "has_meter", "edge_version"),
)
