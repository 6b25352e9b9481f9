"""A CA of our own, by the openssl command; what it signs passes Python 3.13's strict checks."""

from pathlib import Path
from typing import NamedTuple

from server.sandbox.process import run


class Certificate(NamedTuple):
    """PEM files: a certificate, its key (mode 0600), and the CA that signed it."""

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
subjectAltName = {hosts}
"""


class Authority:
    """A CA of our own in ``folder``; what it signs passes Python 3.13's strict checks."""

    def __init__(self, folder: Path, name: str = "sungrow private CA"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.cert, self.key = folder, folder / "ca.pem", folder / "ca.key"
        config = self._config("ca", name, "DNS:unused")
        self._openssl(
            *("req", "-x509", "-new", "-config", config, "-extensions", "ca", "-days", "3650"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", self.key, "-out", self.cert),
        )
        self.cert.chmod(0o644)

    def issue(
        self,
        hosts: tuple[str, ...] = ("DNS:localhost", "IP:127.0.0.1", "IP:::1"),
        name: str = "localhost",
        days: int = 825,
    ) -> Certificate:
        """Sign a server's certificate for ``hosts`` (``DNS:`` or ``IP:`` before each)."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        config, request = self._config(name, name, ", ".join(hosts)), self.folder / f"{name}.csr"
        self._openssl(
            *("req", "-new", "-config", config, "-out", request, "-keyout", key, "-nodes"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        )
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-out", cert),
            *("-CAcreateserial", "-days", days, "-extfile", config, "-extensions", "server"),
        )
        cert.chmod(0o644)
        return Certificate(cert, key, self.cert)

    def _config(self, stem: str, name: str, hosts: str) -> Path:
        path = self.folder / f"{stem}.cnf"
        path.write_text(_EXTENSIONS.format(name=name, hosts=hosts))
        return path

    def _openssl(self, *args: object) -> None:
        run(["openssl", *args], umask=0o077)
