"""One JSON object a log line on stderr: ``ts``, ``level``, ``logger``, ``event``, then fields.

``log.info("uploaded", extra={"count": 12})`` prints ``"event": "uploaded", "count": 12``. JSON
escapes line breaks, so nothing that a peer sends can forge a line. Edge and server both use it.
"""

import json
import logging
import sys
from datetime import UTC, datetime

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without its end."""
        ts = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "ts": ts.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _BUILT_IN and k not in line}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def handler() -> logging.Handler:
    """Give a handler that writes such lines to stderr."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonFormatter())
    return lines


def start(level: str) -> None:
    """Send every logger's lines from ``level`` on to stderr, each once."""
    logging.basicConfig(handlers=[handler()], level=level, force=True)
    for noisy in ("urllib3", "pyModbusTCP"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
