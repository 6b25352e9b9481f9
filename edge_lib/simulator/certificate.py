"""A certificate like a HomeWizard's: of a private authority, with nothing but a common name."""

import subprocess
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
[name]
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[device]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def issue(folder: Path, common_name: str) -> Certificate:
    """Make an authority in the folder, and a certificate by it.

    Raises:
        OSError: the openssl command is missing.
        subprocess.CalledProcessError: it failed.
    """
    made = Certificate(folder / "device.pem", folder / "device.key", folder / "ca.pem")
    config, request, ca_key = folder / "openssl.cnf", folder / "device.csr", folder / "ca.key"
    config.write_text(_EXTENSIONS)
    _openssl(
        *("req", "-x509", "-config", config, "-extensions", "ca", "-days", "3650", *_KEY),
        *("-subj", "/CN=simulated HomeWizard authority", "-keyout", ca_key, "-out", made.ca),
    )
    subject = "/CN=" + common_name.replace("/", "\\/")
    _openssl(
        *("req", "-new", "-config", config, "-subj", subject, *_KEY),
        *("-keyout", made.key, "-out", request),
    )
    _openssl(
        *("x509", "-req", "-in", request, "-CA", made.ca, "-CAkey", ca_key, "-CAcreateserial"),
        *("-days", "825", "-extfile", config, "-extensions", "device", "-out", made.cert),
    )
    return made


def _openssl(*arguments: object) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
