"""The sandbox's CA as managed services print the CA of an instance."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ..core.tls import Authority


@dataclass(frozen=True)
class Certificate:
    """What APIs say about a certificate."""

    pem: str
    begin: datetime
    end: datetime
    sha1: str


def describe(authority: Authority) -> Certificate:
    """The CA that signs the certificates of the servers behind instances."""
    return _describe(authority.pem)


@functools.cache
def _describe(pem: bytes) -> Certificate:
    certificate = x509.load_pem_x509_certificate(pem)
    fingerprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303  # how Google prints it
    return Certificate(
        pem.decode(), certificate.not_valid_before_utc, certificate.not_valid_after_utc, fingerprint.hex()
    )
