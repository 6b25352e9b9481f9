"""A private authority, by the openssl command: for the simulated HomeWizard, the demo, the tests.

What it signs passes Python 3.13's strict checks.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """PEM files: the certificate, its key (mode 0600), and the authority that signed it."""

    cert: Path
    key: Path
    ca: Path


_EXTENSIONS = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """An authority in ``folder``."""

    def __init__(self, folder: Path, name: str = "sungrow private CA"):
        """Make it.

        Raises:
            OSError: the openssl command is missing, or the folder cannot be written to.
            subprocess.CalledProcessError: it failed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.cert, self.key = folder, folder / "ca.pem", folder / "ca.key"
        config = self._config("ca", name, ())
        self._openssl(
            *("req", "-x509", "-new", "-config", config, "-extensions", "ca", "-days", "3650"),
            *(*_KEY, "-keyout", self.key, "-out", self.cert),
        )
        self.cert.chmod(0o644)

    def issue(
        self,
        hosts: Sequence[str] = ("DNS:localhost", "IP:127.0.0.1", "IP:::1"),
        name: str = "localhost",
        days: int = 825,
    ) -> Certificate:
        """Sign a server's certificate.

        Args:
            hosts: ``DNS:`` or ``IP:`` before each; none: it has its common name alone, as a
                HomeWizard's.
            name: the common name; files are called by what is behind its last stroke.
            days: for which it is valid.
        """
        stem = name.rpartition("/")[2]
        cert, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        config, request = self._config(stem, name, hosts), self.folder / f"{stem}.csr"
        self._openssl(
            *("req", "-new", "-config", config, *_KEY, "-keyout", key, "-out", request),
        )
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-out", cert),
            *("-CAcreateserial", "-days", days, "-extfile", config, "-extensions", "server"),
        )
        cert.chmod(0o644)
        return Certificate(cert, key, self.cert)

    def _config(self, stem: str, name: str, hosts: Sequence[str]) -> Path:
        path = self.folder / f"{stem}.cnf"
        others = f"subjectAltName = {', '.join(hosts)}\n" if hosts else ""
        path.write_text(_EXTENSIONS.format(name=name) + others)
        return path

    def _openssl(self, *arguments: object) -> None:
        command = ["openssl", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, umask=0o077)  # noqa: S603 - our own words
