"""Private servers under one folder, for the demo, tests and benchmarks; never for real data.

=============== ====================================================================
module          owns
=============== ====================================================================
``process``     a child process that dies with us, and the files it needs
``postgres``    ``Postgres``, and ``edition``, which tells one database from another
``redis``       ``Redis``
``authority``   ``Authority``: a CA of our own, for servers on this machine
``gunicorn``    ``Gunicorn``: the API itself
``demo``        the whole chain, with ``demo_house`` and ``demo_client``
=============== ====================================================================

Each server is a child of this process, in a session of its own, so that Ctrl-C in the terminal does
not reach it before we stop it in order. It dies with us whatever ends us, SIGKILL too: the kernel
sends it a signal when the thread that started it is gone. So start servers in a thread that lives
as long as they do, preferably the main one.
"""

from server.sandbox.authority import Authority, Certificate
from server.sandbox.gunicorn import Gunicorn
from server.sandbox.postgres import Postgres, create_database, edition, execute, installed_edition
from server.sandbox.process import (
    ROOT,
    PortTakenError,
    PrivateError,
    Server,
    environment,
    run,
    spawn,
    wait_until,
)
from server.sandbox.redis import Redis

__all__ = [
    "ROOT",
    "Authority",
    "Certificate",
    "Gunicorn",
    "PortTakenError",
    "Postgres",
    "PrivateError",
    "Redis",
    "Server",
    "create_database",
    "edition",
    "environment",
    "execute",
    "installed_edition",
    "run",
    "spawn",
    "wait_until",
]
