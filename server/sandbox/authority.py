"""The simulator's authority for servers on this machine; its tool runs as all of ours do."""

from edge_lib.simulator import certificate
from edge_lib.simulator.certificate import Certificate
from server.sandbox.process import run

__all__ = ["Authority", "Certificate"]


class Authority(certificate.Authority):
    """An authority in ``folder``; ``PrivateError`` where openssl fails."""

    def _openssl(self, *arguments: object) -> None:
        run(["openssl", *arguments], umask=0o077)
