"""Network Connectivity: the policies that let managed services put endpoints into a network."""

from __future__ import annotations

import base64
import copy
import re
from typing import Any

from . import managed_lro
from .calls import Call, handles, own_project
from .compute.links import link
from .errors import GoogleError, invalid, precondition
from .fields import apply_mask
from .listing import page, predicate
from .managed_lro import EMPTY, check_idle
from .render import writable
from .state import Record, State, hex_id, zulu

Data = dict[str, Any]
_POLICIES = "networkconnectivity.projects.locations.serviceConnectionPolicies"
_TYPE = "type.googleapis.com/google.cloud.networkconnectivity.v1.ServiceConnectionPolicy"
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NETWORK = re.compile(r"(?:https://www\.googleapis\.com/compute/v1/)?(projects/[^/]+/global/networks/[^/]+)")
_CHANGEABLE = frozenset({"description", "labels", "pscConfig"})


def network_path(text: str) -> str:
    """``projects/<id>/global/networks/<name>`` of any spelling; empty when it is none."""
    found = _NETWORK.fullmatch(text)
    return own_project(found[1]) if found else ""


def policy_for(state: State, region: str, network: str, service_class: str) -> Data | None:
    """The policy that lets a service class connect to a network in a region."""
    for record in state.connection_policies.values():
        data = record.data
        if (
            data["name"].split("/")[3] == region
            and network_path(data["network"]) == network
            and data["serviceClass"] == service_class
            and record.ready
        ):
            return data
    return None


def _find(call: Call) -> Record:
    record: Record | None = call.state.connection_policies.get(call.name)
    if record is None:
        raise GoogleError(404, f"Resource '{call.name}' was not found")
    return record


@handles(f"{_POLICIES}.create")
def create(call: Call) -> Data:
    """Create a policy; one per network, region and service class."""
    state, name = call.state, call.query.get("serviceConnectionPolicyId") or f"policy-{hex_id(8)}"
    if not _ID.fullmatch(name):
        raise invalid(f"Invalid service connection policy id: {name}.")
    path, region = f"{call.name}/serviceConnectionPolicies/{name}", call.name.split("/")[3]
    if path in state.connection_policies:
        raise GoogleError(409, f"Resource '{path}' already exists")
    body = writable(call.document, "ServiceConnectionPolicy", call.body)
    network = network_path(body.get("network", ""))
    if network not in state.compute:
        raise invalid(f"Network {body.get('network', '')} was not found.")
    if not body.get("serviceClass"):
        raise invalid("service_class must be set.")
    _subnetworks(state, region, network, body)
    if policy_for(state, region, network, body["serviceClass"]):
        raise precondition(f"There is a policy for {body['serviceClass']} in {region} on {network} already.")
    moment = zulu(state.wall(), 9)
    data = {**body, "name": path, "infrastructure": "PSC", "createTime": moment, "updateTime": moment, "etag": _etag()}
    record = Record(data)
    state.connection_policies[path] = record

    def failed(_: str) -> None:
        state.connection_policies.pop(path, None)

    return managed_lro.start(
        call, record, "create", "networkconnectivity.policy.write", lambda: _response(record), failed
    )


def _etag() -> str:
    return base64.b64encode(bytes.fromhex(hex_id(24))).decode()


def _subnetworks(state: State, region: str, network: str, data: Data) -> None:
    names = data.get("pscConfig", {}).get("subnetworks", [])
    if not names:
        raise invalid("psc_config.subnetworks must name at least one subnetwork.")
    for name in names:
        path = own_project(name.removeprefix("https://www.googleapis.com/compute/v1/"))
        record = state.compute.get(path)
        if record is None or record.data["network"] != link(network) or f"/regions/{region}/" not in path:
            raise invalid(f"Subnetwork {name} was not found in network {network} and region {region}.")


def _response(record: Record) -> Data:
    fields = ("name", "createTime", "updateTime", "etag")
    return {"@type": _TYPE, **{field: record.data[field] for field in fields}}


@handles(f"{_POLICIES}.get")
def get(call: Call) -> Data:
    """One policy."""
    return _find(call).data


@handles(f"{_POLICIES}.list")
def listing(call: Call) -> Data:
    """The policies of a location, ``-`` for all."""
    place = call.name.split("/")[3]
    test = predicate(call.query.get("filter"))
    items = [
        record.data
        for path, record in sorted(call.state.connection_policies.items())
        if place in ("-", path.split("/")[3]) and test(record.data)
    ]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=100)
    answer: Data = {"serviceConnectionPolicies": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{_POLICIES}.patch")
def patch(call: Call) -> Data:
    """Change a policy; without ``updateMask`` everything that the body holds."""
    record = _find(call)
    check_idle(record)
    body = writable(call.document, "ServiceConnectionPolicy", call.body)
    mask = call.query.get("updateMask") or ",".join(key for key in body if key in _CHANGEABLE)
    data = copy.deepcopy(record.data)
    if mask:
        apply_mask(data, body, mask, _CHANGEABLE)
    _subnetworks(call.state, data["name"].split("/")[3], network_path(data["network"]), data)

    def response() -> Data:
        record.data = {**data, "updateTime": zulu(call.state.wall(), 9), "etag": _etag()}
        return _response(record)

    return managed_lro.start(call, record, "update", "networkconnectivity.policy.write", response)


@handles(f"{_POLICIES}.delete")
def delete(call: Call) -> Data:
    """Delete a policy; refused while instances have endpoints that it made."""
    record = _find(call)
    check_idle(record)
    state, path = call.state, call.name
    region, network = path.split("/")[3], network_path(record.data["network"])
    for item in state.memorystore.values():
        connections = item.data.get("#networks", [])
        if item.data["name"].split("/")[3] == region and network in connections:
            raise precondition(f"The policy has connections that are in use, such as those of {item.data['name']}.")

    def response() -> Data:
        state.connection_policies.pop(path, None)
        return EMPTY

    return managed_lro.start(call, record, "delete", "networkconnectivity.policy.delete", response)


def connect(state: State, region: str, network: str) -> str:
    """An address for an endpoint, from the subnetworks of the Memorystore policy; empty without a policy."""
    policy = policy_for(state, region, network, "gcp-memorystore")
    if policy is None:
        return ""
    path = own_project(policy["pscConfig"]["subnetworks"][0].removeprefix("https://www.googleapis.com/compute/v1/"))
    base = str(state.compute[path].data["ipCidrRange"]).partition("/")[0].split(".")
    number = next(state.addresses) + 1
    return ".".join([*base[:2], str(int(base[2]) + number // 250), str(2 + number % 250)])
