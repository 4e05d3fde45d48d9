"""A certificate authority for the emulated HTTPS endpoints and for the clusters' API servers."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_DAYS = 825
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Authority:
    """A CA kept in ``directory`` (``ca.pem``, ``ca.key``), made on first use and reused afterwards."""

    def __init__(self, directory: Path, common_name: str = "Sandbox CA") -> None:
        self.directory = directory
        self.common_name = common_name
        self.certificate_file = directory / "ca.pem"
        self._key_file = directory / "ca.key"
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory):
            if not (self.certificate_file.exists() and self._key_file.exists()):
                self._make()
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{self._key_file} does not hold the key of a sandbox CA: remove {directory}")
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    @property
    def pem(self) -> bytes:
        """The CA certificate."""
        return self.certificate_file.read_bytes()

    def child(self, name: str) -> Authority:
        """A separate CA of that name (such as the one of a Kubernetes cluster) below this one's directory."""
        return Authority(self.directory / name, common_name=name)

    def issue(self, name: str, hosts: Sequence[str] = LOOPBACK) -> tuple[Path, Path]:
        """A server certificate for ``hosts``: files of the chain and of its key. Reissued when the hosts change."""
        certificate_file, key_file = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        with _locked(self.directory):
            if not (certificate_file.exists() and key_file.exists() and self._covers(certificate_file, hosts)):
                key = ec.generate_private_key(ec.SECP256R1())
                builder = (
                    _builder(name)
                    .issuer_name(self._certificate.subject)
                    .public_key(key.public_key())
                    .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                    .add_extension(x509.SubjectAlternativeName([_san(host) for host in hosts]), critical=False)
                    .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                    .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                    .add_extension(
                        x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                        critical=False,
                    )
                )
                certificate = builder.sign(self._key, hashes.SHA256())
                _write(key_file, _key_pem(key))
                _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM) + self.pem)
        return certificate_file, key_file

    def server_context(self, name: str, hosts: Sequence[str] = LOOPBACK) -> ssl.SSLContext:
        """An SSL context to serve ``hosts`` with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, hosts))
        return context

    def _covers(self, certificate_file: Path, hosts: Sequence[str]) -> bool:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        fresh = certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)
        return fresh and set(names) == {_san(host) for host in hosts}

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _builder(self.common_name)
            .issuer_name(_name(self.common_name))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self._key_file, _key_pem(key))
        _write(self.certificate_file, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(common_name: str) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_bytes(data)
    temporary.replace(path)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Emulators of several clouds share the CA and start at the same time."""
    with (directory / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
