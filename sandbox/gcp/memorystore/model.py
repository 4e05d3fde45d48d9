"""Instances by name, and how they are printed."""

from __future__ import annotations

import re
from typing import Any

from .. import cmek
from ..calls import Call
from ..catalog import REGIONS
from ..engines import Server
from ..errors import GoogleError, precondition
from ..managed_lro import check_idle
from ..state import NUMBER, PROJECT, Record, zulu

Data = dict[str, Any]
INSTANCES = "memorystore.projects.locations.instances"
TYPE = "type.googleapis.com/google.cloud.memorystore.v1."
PORT = 6379
# GB per node. Source: node specification of Memorystore for Valkey.
NODE_GB = {"SHARED_CORE_NANO": 1.4, "STANDARD_SMALL": 6.5, "HIGHMEM_MEDIUM": 13, "HIGHMEM_XLARGE": 58}
_PLACE = re.compile(r"projects/[^/]+/locations/([^/]+)(?:/.*)?")


def region(call: Call) -> str:
    """The region of a request; 403 for one that does not exist."""
    found = _PLACE.fullmatch(call.name)
    place = found[1] if found else ""
    if place != "-" and place not in REGIONS:
        raise GoogleError(403, f"Location {place} is not found or access is unauthorized.")
    return place


def find(call: Call, name: str | None = None) -> Record:
    """The instance that a request names; 404 when there is none."""
    path = name or call.name
    record: Record | None = call.state.memorystore.get(path)
    if record is None:
        raise GoogleError(404, f"Resource '{path}' was not found")
    return record


def find_active(call: Call, name: str | None = None) -> Record:
    """An instance that can be changed now."""
    record = find(call, name)
    check_idle(record)
    if record.data["state"] != "ACTIVE":
        raise precondition(f"Instance {record.data['name']} is in state {record.data['state']}.")
    return record


def server(data: Data) -> Server | None:
    """The real server behind an instance."""
    found: Server | None = data.get("#server")
    return found


def tls(data: Data) -> bool:
    """Whether clients must speak TLS."""
    return bool(data["transitEncryptionMode"] == "SERVER_AUTHENTICATION")


def shown(call: Call, data: Data) -> Data:
    """As the API prints it: endpoints only once it stands."""
    full = {key: value for key, value in data.items() if not key.startswith("#")}
    full["nodeConfig"] = {"sizeGb": NODE_GB[data["nodeType"]]}
    full["encryptionInfo"] = encryption(call, data)
    if not data["#made"]:
        full.pop("endpoints", None)
        return full
    full["endpoints"] = [{"connections": [_connection(data, item) for item in group]} for group in data["#endpoints"]]
    full["pscAttachmentDetails"] = _attachments(data)
    if any(item["#instance"] == data["name"] for item in call.state.cache_backups.values()):
        full["backupCollection"] = collection_of(data)
    return full


def _kinds(data: Data) -> tuple[str, str]:
    """What the two connections of an endpoint are for."""
    if data["mode"] == "CLUSTER":
        return "CONNECTION_TYPE_DISCOVERY", ""
    return "CONNECTION_TYPE_PRIMARY", "CONNECTION_TYPE_READER"


def _attachment(data: Data, index: int) -> str:
    place, suffix = data["name"].split("/")[3], "" if index == 0 else f"-{index + 1}"
    return (
        f"projects/{int(NUMBER) + 1}/regions/{place}/serviceAttachments/"
        f"gcp-memorystore-auto-{data['uid'].replace('-', '')[:16]}-psc-sa{suffix}"
    )


def _attachments(data: Data) -> list[Data]:
    return [
        {**({"connectionType": kind} if kind else {}), "serviceAttachment": _attachment(data, index)}
        for index, kind in enumerate(_kinds(data))
    ]


def _connection(data: Data, item: Data) -> Data:
    place, index = data["name"].split("/")[3], item["index"]
    kind, real = _kinds(data)[index], server(data)
    host, port = (item["ip"], PORT) if real is None or real.address is None else real.address
    answer: Data = {
        "projectId": item["projectId"],
        "network": item["network"],
        "ipAddress": host,
        "pscConnectionId": item["id"],
        "forwardingRule": (
            f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/regions/{place}/forwardingRules/{item['rule']}"
        ),
        "serviceAttachment": _attachment(data, index),
    }
    if kind:
        answer |= {"connectionType": kind, "port": port}
    return {"pscAutoConnection": answer}


def encryption(call: Call, data: Data) -> Data:
    """How an instance, and with it its backups, is encrypted."""
    key = data.get("kmsKey")
    if not key:
        return {"encryptionType": "GOOGLE_DEFAULT_ENCRYPTION"}
    version = cmek.version_in_use(call.state, key)
    info = {
        "encryptionType": "CUSTOMER_MANAGED_ENCRYPTION",
        "kmsKeyPrimaryState": "ENABLED" if version else "DISABLED",
        "lastUpdateTime": zulu(call.state.wall(), 9),
    }
    return {**info, "kmsKeyVersions": [version]} if version else info


def collection_of(data: Data) -> str:
    """The backup collection of an instance: it outlives the instance."""
    return f"projects/{PROJECT}/locations/{data['name'].split('/')[3]}/backupCollections/{data['uid']}"
