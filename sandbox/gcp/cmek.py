"""Customer-managed keys: what every service demands of one before it encrypts with it."""

from __future__ import annotations

import re

from .calls import Call, own_project
from .errors import GoogleError
from .state import NUMBER, State
from .storage.bucket_fields import may_use_key

_KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
# The service agent that uses the key, per service: service-<number>@<domain>.iam.gserviceaccount.com
AGENTS = {
    "artifactregistry": "gcp-sa-artifactregistry",
    "memorystore": "gcp-sa-memorystore",
    "redis": "cloud-redis",
    "secretmanager": "gcp-sa-secretmanager",
    "sqladmin": "gcp-sa-cloud-sql",
}


def agent(api: str) -> str:
    """The e-mail address of a service's agent in the project."""
    return f"service-{NUMBER}@{AGENTS[api]}.iam.gserviceaccount.com"


def version_in_use(state: State, key: str) -> str | None:
    """The version that the key encrypts with now; None when the key is gone or cannot be used."""
    found = state.kms.get(own_project(key), {})
    primary = state.kms.get(found.get("#primary", ""))
    return str(primary["name"]) if primary and primary["state"] == "ENABLED" else None


def trouble(call: Call, key: str, place: str) -> str:
    """Why the service that is called cannot encrypt with ``key`` for something in ``place``; empty when it can."""
    key = own_project(key)
    found = _KEY.fullmatch(key)
    if found is None:
        return f"Invalid Cloud KMS key name: {key}."
    if found[1] != place:
        return f"Cloud KMS key {key} is in location {found[1]}, it must be in {place}."
    api = call.document.api
    if key not in call.state.kms or not may_use_key(call, key, agent(api)):
        return (
            f"Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{key}' (or it may not exist) "
            f"for service account {agent(api)}."
        )
    if version_in_use(call.state, key) is None:
        return f"The primary version of Cloud KMS key {key} is not enabled."
    return ""


def require(call: Call, key: str, place: str) -> None:
    """400 FAILED_PRECONDITION when the key cannot be used."""
    why = trouble(call, key, place)
    if why:
        raise GoogleError(400, why, status="FAILED_PRECONDITION")
