"""Repositories."""

from __future__ import annotations

import copy
import re
from typing import Any

from .. import cmek, lro, policies
from ..calls import Call, handles, own_project
from ..catalog import REGIONS
from ..errors import GoogleError, invalid, precondition
from ..fields import apply_mask
from ..listing import page, predicate
from ..render import proto3, writable
from ..services import enabled
from ..state import PROJECT, Record, uuid, zulu
from .cleanup import check

Data = dict[str, Any]
_NAME = re.compile(r"projects/[^/]+/locations/([^/]+)(?:/(?:repositories|operations)/([^/]+))?")
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MULTI = ("us", "europe", "asia")
_REPOSITORIES = "artifactregistry.projects.locations.repositories"
_TYPE = "type.googleapis.com/google.devtools.artifactregistry.v1."
_SCANNER = "containerscanning.googleapis.com"
_CHANGEABLE = frozenset(
    {
        *("cleanupPolicies", "cleanupPolicyDryRun", "description", "dockerConfig", "labels", "mavenConfig"),
        *("remoteRepositoryConfig", "virtualRepositoryConfig", "vulnerabilityScanningConfig"),
    }
)
_FIXED = ("format", "mode", "kmsKeyName")


def _place(call: Call) -> str:
    found = _NAME.fullmatch(call.name)
    place = found[1] if found else ""
    if place not in REGIONS and place not in _MULTI:
        raise GoogleError(403, f"Location {place} is not found or access is unauthorized.")
    return place


def _find(call: Call) -> Record:
    _place(call)
    record: Record | None = call.state.repositories.get(call.name)
    if record is None:
        raise GoogleError(404, "Requested entity was not found.")
    return record


@handles(f"{_REPOSITORIES}.create")
def create(call: Call) -> Data:
    """Create a repository."""
    place, name = _place(call), call.query.get("repositoryId", "")
    if not _ID.fullmatch(name):
        raise invalid(
            "A repository id must start with a letter, hold lower-case letters, digits and hyphens, end with a letter "
            "or a digit, and have at most 63 characters.",
            field="repository_id",
        )
    path = f"{call.name}/repositories/{name}"
    if path in call.state.repositories:
        raise GoogleError(409, "the repository already exists")
    body = writable(call.document, "Repository", call.body)
    if body.get("format", "FORMAT_UNSPECIFIED") == "FORMAT_UNSPECIFIED":
        raise invalid("The format of the repository must be specified.", field="repository.format")
    moment = zulu(call.state.wall())
    data: Data = {"mode": "STANDARD_REPOSITORY", **body, "name": path, "createTime": moment, "updateTime": moment}
    if data["mode"] == "MODE_UNSPECIFIED":
        data["mode"] = "STANDARD_REPOSITORY"
    if "kmsKeyName" in data:
        cmek.require(call, data["kmsKeyName"], place)
    _complete(call, data)
    record = Record(data)

    def response() -> Data:
        if path in call.state.repositories:
            raise GoogleError(409, "the repository already exists")
        call.state.repositories[path] = record
        return {"@type": f"{_TYPE}Repository", **shown(call, data)}

    return _start(call, "artifactregistry.repository.create", response)


def _start(call: Call, duration: str, response: Any) -> Data:
    operation = f"projects/{PROJECT}/locations/{_place(call)}/operations/{uuid()}"
    return lro.start(call, operation, duration, response, {"@type": f"{_TYPE}OperationMetadata"})


def _complete(call: Call, data: Data) -> None:
    if "cleanupPolicies" in data:
        data["cleanupPolicies"] = check(data["cleanupPolicies"])
    for key, value in data.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Invalid label: {key}={value}.", field="repository.labels")
    if "dockerConfig" in data and data["format"] != "DOCKER":
        raise invalid("docker_config is for repositories of format DOCKER.", field="repository.docker_config")
    if (data["mode"] == "VIRTUAL_REPOSITORY") != ("virtualRepositoryConfig" in data):
        raise invalid("virtual_repository_config is for repositories of mode VIRTUAL_REPOSITORY, which need it.")
    if (data["mode"] == "REMOTE_REPOSITORY") != ("remoteRepositoryConfig" in data):
        raise invalid("remote_repository_config is for repositories of mode REMOTE_REPOSITORY, which need it.")
    for policy in data.get("virtualRepositoryConfig", {}).get("upstreamPolicies", []):
        if own_project(policy.get("repository", "")) not in call.state.repositories:
            raise invalid(f"Upstream repository {policy.get('repository', '')} was not found.")


def _scanning(call: Call, data: Data) -> Data:
    given = data.get("vulnerabilityScanningConfig", {})
    # Words of the states: recorded traffic.
    state, why = "SCANNING_ACTIVE", ""
    if data["format"] != "DOCKER":
        state, why = "SCANNING_UNSUPPORTED", f"Repository format {data['format']} is not supported."
    elif data["mode"] == "VIRTUAL_REPOSITORY":
        state, why = "SCANNING_UNSUPPORTED", f"Repository mode {data['mode']} is not supported."
    elif given.get("enablementConfig") == "DISABLED":
        state, why = "SCANNING_DISABLED", "Vulnerability scanning is disabled in the repository's settings."
    elif not enabled(call.state, _SCANNER):
        state, why = "SCANNING_DISABLED", f"API {_SCANNER} is not enabled."
    answer = {**given, "enablementState": state, "lastEnableTime": data["createTime"]}
    return {**answer, "enablementStateReason": why} if why else answer


def shown(call: Call, data: Data) -> Data:
    """As the API prints it."""
    _, _, _, place, _, name = data["name"].split("/")
    kind = data["format"].lower()
    full = {
        **{key: value for key, value in data.items() if not key.startswith("#")},
        "satisfiesPzi": True,
        "registryUri": f"{place}-{kind}.pkg.dev/{PROJECT}/{name}",
        "vulnerabilityScanningConfig": _scanning(call, data),
    }
    return proto3(call.document, "Repository", full)


@handles(f"{_REPOSITORIES}.get")
def get(call: Call) -> Data:
    """One repository."""
    return shown(call, _find(call).data)


@handles(f"{_REPOSITORIES}.list")
def listing(call: Call) -> Data:
    """The repositories of a location."""
    _place(call)
    test = predicate(call.query.get("filter"))
    prefix = f"{call.name}/repositories/"
    items = [
        shown(call, record.data) for path, record in sorted(call.state.repositories.items()) if path.startswith(prefix)
    ]
    found, token = page(
        [item for item in items if test(item)], call.query.get("pageSize"), call.query.get("pageToken"), default=100
    )
    answer: Data = {"repositories": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{_REPOSITORIES}.patch")
def patch(call: Call) -> Data:
    """Change what ``updateMask`` names (without one: what the body holds); done at once."""
    record = _find(call)
    body = writable(call.document, "Repository", call.body)
    mask = call.query.get("updateMask") or ",".join(key for key in body if key in _CHANGEABLE)
    for field in _FIXED:
        if field in mask.split(","):
            raise invalid(f"The field {field} of a repository cannot be changed.", field="update_mask")
    data = copy.deepcopy(record.data)
    apply_mask(data, body, mask, _CHANGEABLE)
    _complete(call, data)
    data["updateTime"] = zulu(call.state.wall())
    record.data = data
    return shown(call, data)


@handles(f"{_REPOSITORIES}.delete")
def delete(call: Call) -> Data:
    """Delete a repository with everything in it."""
    record, path = _find(call), call.name
    users = [
        other
        for other, item in call.state.repositories.items()
        for policy in item.data.get("virtualRepositoryConfig", {}).get("upstreamPolicies", [])
        if own_project(policy["repository"]) == path
    ]
    if users:
        raise precondition(f"Repository {path} is an upstream of {', '.join(users)}.")

    def response() -> Data:
        if call.state.repositories.get(path) is record:
            del call.state.repositories[path]
            call.state.policies.pop(path, None)
        return {"@type": "type.googleapis.com/google.protobuf.Empty"}

    return _start(call, "artifactregistry.repository.delete", response)


@handles("artifactregistry.projects.locations.operations.get")
def get_operation(call: Call) -> Data:
    """A creation or deletion."""
    return lro.render(lro.find(call.state, "artifactregistry", call.name))


@handles(f"{_REPOSITORIES}.getIamPolicy")
def get_policy(call: Call) -> Data:
    """Who may pull and push."""
    return policies.shown(policies.get(call.state, _find(call).data["name"]))


@handles(f"{_REPOSITORIES}.setIamPolicy")
def set_policy(call: Call) -> Data:
    """Replace who may pull and push."""
    return policies.put(call, _find(call).data["name"], call.body.get("policy", {}))


@handles(f"{_REPOSITORIES}.testIamPermissions")
def test_permissions(call: Call) -> Data:
    """The caller may do everything with what exists."""
    _find(call)
    return policies.test(call)


@handles("artifactregistry.projects.locations.list")
def locations(call: Call) -> Data:
    """Where repositories can live."""
    places = (*REGIONS, *_MULTI)
    return {"locations": [{"name": f"{call.name}/locations/{place}", "locationId": place} for place in places]}
