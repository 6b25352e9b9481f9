"""Gunicorn's settings, which it reads by itself from this folder; its command line overrides them.

Nothing of ``server`` is imported here: what the master has imported stays as it is at a reload.
"""

from gunicorn import glogging
from gunicorn.config import Config

from edge_lib.shared import jsonlog


class Log(glogging.Logger):
    """Writes gunicorn's own lines like all others: as JSON, never waiting for their reader."""

    def setup(self, cfg: Config) -> None:
        """Replace the handler that writes to stderr directly."""
        super().setup(cfg)
        if cfg.errorlog == "-":
            self.error_log.handlers = [jsonlog.handler()]


logger_class = Log
worker_class = "gthread"  # workers of the class sync keep no connection alive
threads = 4
