"""What gunicorn reads by itself where it is started in this folder; its command line stands above.

It imports nothing of ``server``: what the master knows is not read again when it is told to reload.
"""

from gunicorn import glogging
from gunicorn.config import Config

from edge_lib.shared import jsonlog


class Log(glogging.Logger):
    """gunicorn's own lines, like all others: JSON, and held up by nobody who reads them."""

    def setup(self, cfg: Config) -> None:
        """Take the place of the handler that writes to stderr itself."""
        super().setup(cfg)
        if cfg.errorlog == "-":
            self.error_log.handlers = [jsonlog.handler()]


logger_class = Log
worker_class = "gthread"  # those of the class sync keep no connection alive
threads = 4
