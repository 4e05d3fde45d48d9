"""Instances in memory, their links, and how they are printed."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .. import certificates, cmek
from ..calls import Call
from ..engines import Server
from ..errors import GoogleError
from ..state import NUMBER, PROJECT, Operation, hex_id, zulu
from .versions import Version

Data = dict[str, Any]
_AGENTS = "@gcp-sa-cloud-sql.iam.gserviceaccount.com"


@dataclass
class Instance:
    """One instance: what the API stores of it, what is in it, and the operation that works on it."""

    data: Data
    created: datetime
    users: dict[tuple[str, str], Data] = field(default_factory=dict)
    databases: dict[str, Data] = field(default_factory=dict)
    operation: Operation | None = None
    server: Server | None = None
    # Whether it has ever stood; one that failed to come up has no addresses.
    made: bool = False
    private: ipaddress.IPv4Network | None = None
    public: str = ""
    outgoing: str = ""
    # From when on automated backups have been looked after.
    watched: datetime | None = None

    @property
    def name(self) -> str:
        """Its name, unique in the project."""
        return str(self.data["name"])

    @property
    def version(self) -> Version:
        """Engine and version."""
        return Version(self.data["databaseVersion"])

    @property
    def settings(self) -> Data:
        """``settings`` as they are stored."""
        found: Data = self.data["settings"]
        return found

    @property
    def regional(self) -> bool:
        """Whether it has a standby in a second zone."""
        return bool(self.settings.get("availabilityType") == "REGIONAL")

    @property
    def master(self) -> str:
        """Name of the instance that it replicates; empty for one that stands alone."""
        return str(self.data.get("masterInstanceName", "")).rpartition(":")[2]

    @property
    def running(self) -> bool:
        """Whether it takes connections."""
        return self.made and self.data["state"] == "RUNNABLE" and self.settings.get("activationPolicy") != "NEVER"


def sql_error(code: int, message: str, reason: str) -> GoogleError:
    """An error with Cloud SQL's own reason."""
    return GoogleError(code, message, reason=reason)


def find(call: Call, name: str | None = None) -> Instance:
    """The instance that a request names; 404 when there is none."""
    instance: Instance | None = call.state.sql.get(name if name is not None else call.path["instance"])
    if instance is None:
        raise sql_error(404, "The Cloud SQL instance does not exist.", "instanceDoesNotExist")
    return instance


def link(call: Call, path: str) -> str:
    """A link in the API version of the request."""
    version = "sql/v1beta4" if call.document.version == "v1beta4" else call.document.version
    return f"https://sqladmin.googleapis.com/{version}/projects/{PROJECT}/{path}"


def etag(value: Any) -> str:
    """A hash of a value."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def replicas(call: Call, instance: Instance) -> list[str]:
    """Names of the read replicas of an instance."""
    return [item.name for item in call.state.sql.values() if item.master == instance.name]


def shown(call: Call, instance: Instance) -> Data:
    """As the API prints it."""
    data = instance.data
    answer: Data = {
        "kind": "sql#instance",
        **data,
        "project": PROJECT,
        "backendType": "SECOND_GEN",
        "connectionName": f"{PROJECT}:{data['region']}:{instance.name}",
        "selfLink": link(call, f"instances/{instance.name}"),
        "etag": etag(data),
        "createTime": zulu(instance.created, 3),
        "sqlNetworkArchitecture": "NEW_NETWORK_ARCHITECTURE",
        "satisfiesPzi": True,
    }
    names = replicas(call, instance)
    if names:
        answer["replicaNames"] = names
    if not instance.made:
        return answer
    answer |= {
        "ipAddresses": addresses(instance),
        "serverCaCert": certificate(call, instance),
        "serviceAccountEmailAddress": f"p{NUMBER}-{etag(instance.created)[:6]}{_AGENTS}",
        "databaseInstalledVersion": instance.version.installed,
        "geminiConfig": _gemini(instance.version.engine),
    }
    upgrades = instance.version.upgrades()
    if upgrades:
        answer["upgradableDatabaseVersions"] = upgrades
    if instance.regional:
        answer["failoverReplica"] = {"available": True}
    _encryption(call, instance, answer)
    return answer


def addresses(instance: Instance) -> list[Data]:
    """Where it listens; a real server behind it has one loopback address for all."""
    real = instance.server.address.host if instance.server and instance.server.address else ""
    config = instance.settings["ipConfiguration"]
    found = []
    if config["ipv4Enabled"]:
        found.append({"type": "PRIMARY", "ipAddress": real or instance.public})
        if instance.version.engine != "MYSQL":
            found.append({"type": "OUTGOING", "ipAddress": instance.outgoing})
    if instance.private is not None:
        found.append({"type": "PRIVATE", "ipAddress": real or _private(instance.private, instance.name)})
    return found


def _private(block: ipaddress.IPv4Network, name: str) -> str:
    """An address of the block that the region has in the network."""
    return str(block[3 + int(etag(name)[:6], 16) % (block.num_addresses - 4)])


def certificate(call: Call, instance: Instance) -> Data:
    """The CA of the instance."""
    authority = certificates.describe(call.context.authority)
    return {
        "kind": "sql#sslCert",
        "certSerialNumber": "0",
        "cert": authority.pem,
        "commonName": f"C=US,O=Google\\, Inc,CN=Google Cloud SQL Server CA,dnQualifier={etag(instance.name)[:36]}",
        "sha1Fingerprint": authority.sha1,
        "instance": instance.name,
        "createTime": zulu(authority.begin, 3),
        "expirationTime": zulu(authority.end, 3),
    }


def _gemini(engine: str) -> Data:
    common: Data = {"activeQueryEnabled": False, "entitled": False, "indexAdvisorEnabled": False}
    if engine == "POSTGRES":
        return {**common, "googleVacuumMgmtEnabled": False, "oomSessionCancelEnabled": False}
    return {**common, "flagRecommenderEnabled": False}


def _encryption(call: Call, instance: Instance, answer: Data) -> None:
    key = instance.data.get("diskEncryptionConfiguration", {}).get("kmsKeyName")
    if not key:
        return
    version = cmek.version_in_use(call.state, key)
    answer["diskEncryptionStatus"] = {
        "kind": "sql#diskEncryptionStatus",
        "kmsKeyVersionName": version or f"{key}/cryptoKeyVersions/1",
    }
    if version is None and answer["state"] == "RUNNABLE":
        answer["state"] = "SUSPENDED"
        answer["suspensionReason"] = ["KMS_KEY_ISSUE"]


def public_address() -> str:
    """An address of the internet."""
    number = int(hex_id(6), 16)
    return f"34.{80 + number % 40}.{number // 64 % 250}.{1 + number % 250}"
