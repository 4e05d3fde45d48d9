# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, subnetworks, routers with their NAT, addresses and firewall rules (Compute Engine API v1)."""

from __future__ import annotations

from typing import Any, ClassVar

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode
from .._engine.resource import Observed, Recovery, Status
from .references import DESCRIPTION, FIXED_REFERENCE, REFERENCE, REFERENCES, last, matched_by, or_absent, same_range
from .rest import Request, RestResource, Step, set_labels


class Network(RestResource):
    """A VPC network. Its description, and with it the mark of ownership, can only be given at creation."""

    kind = "gcp.compute.network"
    place = "projects/{project}/global/networks"
    described = True
    replaceable = False
    fields = Fields(
        {
            "name": IMMUTABLE,
            "description": CREATE_ONLY,
            "autoCreateSubnetworks": IMMUTABLE,
            "mtu": IMMUTABLE,  # changeable only while no instance runs: a replacement of everything in it
            "routingConfig": MUTABLE,
            "enableUlaInternalIpv6": MUTABLE,
            "internalIpv6Range": IMMUTABLE,
            "networkFirewallPolicyEnforcementOrder": MUTABLE,
            "networkProfile": FIXED_REFERENCE,
        }
    )

    def fetch(self) -> dict[str, Any] | None:
        return self.cloud.shared.get(self.path, super().fetch)  # its peerings are read from the same answer

    def forget(self) -> None:
        self.cloud.shared.drop(self.path)


def _private_access(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    body = {"privateIpGoogleAccess": desired["privateIpGoogleAccess"]}
    return Request("POST", f"{resource.path}/setPrivateIpGoogleAccess", body)


def _grow(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    return Request("POST", f"{resource.path}/expandIpCidrRange", {"ipCidrRange": desired["ipCidrRange"]})


def _ranges(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    """All secondary ranges: the ones that GKE added by itself must be sent along or they would be removed."""
    ours = {each["rangeName"] for each in desired["secondaryIpRanges"]}
    others = [each for each in observed.values.get("secondaryIpRanges") or () if each["rangeName"] not in ours]
    body = {
        "secondaryIpRanges": [*desired["secondaryIpRanges"], *others],
        "fingerprint": observed.values.get("fingerprint"),
    }
    return Request("PATCH", resource.path, body)


def _flow_logs(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    body = {"logConfig": desired["logConfig"], "fingerprint": observed.values.get("fingerprint")}
    return Request("PATCH", resource.path, body)


class Subnetwork(RestResource):
    """A regional subnetwork with secondary ranges for pods and services."""

    kind = "gcp.compute.subnetwork"
    place = "projects/{project}/regions/{region}/subnetworks"
    described = True
    replaceable = False
    fields = Fields(
        {
            "name": IMMUTABLE,
            "description": CREATE_ONLY,
            "network": FIXED_REFERENCE,
            "region": FIXED_REFERENCE,
            "ipCidrRange": Field(Mode.IMMUTABLE, equal=same_range),
            "privateIpGoogleAccess": MUTABLE,
            "secondaryIpRanges": Field(key="rangeName", open=True),
            "secondaryIpRanges[].ipCidrRange": Field(Mode.IMMUTABLE, equal=same_range),
            "secondaryIpRanges[].reservedInternalRange": Field(Mode.IMMUTABLE, equal=lambda want, have: True),
            "reservedInternalRange": FIXED_REFERENCE,
            "logConfig": MUTABLE,
            "logConfig.filterExpr": Field(equal=or_absent("true")),
            "logConfig.metadataFields": Field(unordered=True),
            "purpose": Field(Mode.IMMUTABLE, equal=or_absent("PRIVATE")),
            "role": MUTABLE,
            "stackType": Field(equal=or_absent("IPV4_ONLY")),
            "privateIpv6GoogleAccess": MUTABLE,
            "ipv6AccessType": MUTABLE,
        }
    )
    # Each of these is a call of its own; PATCH takes one aspect at a time (subnetworks.patch).
    steps = (
        Step(("privateIpGoogleAccess",), _private_access),
        Step(("ipCidrRange",), _grow),
        Step(("secondaryIpRanges",), _ranges),
        Step(("logConfig",), _flow_logs),
    )

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        # READY | DRAINING; DRAINING is a proxy subnet giving up its load: in use, nothing to wait for.
        return Status.READY, "", Recovery.REPORT

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        body = {name: desired[name] for name in sorted(members)}
        return Request("PATCH", self.path, {**body, "fingerprint": observed.values.get("fingerprint")})


def _nats(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    """All NATs of the router: PATCH replaces the list, and one that others made must survive."""
    ours = {each["name"] for each in desired["nats"]} | set(getattr(resource, "dropped_nats", ()))
    others = [each for each in observed.values.get("nats") or () if each["name"] not in ours]
    return Request("PATCH", resource.path, {"nats": [*desired["nats"], *others]})


class Router(RestResource):
    """A Cloud Router. NATs are entries of it, not objects (recorded traffic); they are matched by name."""

    kind = "gcp.compute.router"
    place = "projects/{project}/regions/{region}/routers"
    described = True
    fields = Fields(
        {
            "name": IMMUTABLE,
            "description": DESCRIPTION,
            "network": FIXED_REFERENCE,
            "region": FIXED_REFERENCE,
            "bgp": MUTABLE,
            "bgp.advertisedGroups": Field(unordered=True),
            "bgp.advertisedIpRanges": Field(key="range"),
            "encryptedInterconnectRouter": IMMUTABLE,
            "nats": Field(key="name"),
            "nats[].natIps": REFERENCES,
            "nats[].drainNatIps": REFERENCES,
            # A private NAT takes no addresses: the option is accepted and not returned (recorded traffic).
            "nats[].natIpAllocateOption": Field(equal=lambda want, have: want in (have, "USE_SHARED_RANGES")),
            "nats[].subnetworks": Field(equal=matched_by("name")),
            "nats[].type": Field(equal=or_absent("PUBLIC")),
            "nats[].endpointTypes": Field(unordered=True),
            "nats[].rules": Field(key="ruleNumber"),
            "nats[].rules[].action.sourceNatActiveIps": REFERENCES,
            "nats[].rules[].action.sourceNatActiveRanges": REFERENCES,
            # Those who make tunnels add their interfaces and peers: what is not named here stays.
            "interfaces": Field(key="name", open=True),
            "interfaces[].linkedVpnTunnel": REFERENCE,
            "interfaces[].subnetwork": REFERENCE,
            "bgpPeers": Field(key="name", open=True),
        }
    )
    steps = (Step(("nats",), _nats),)


class Address(RestResource):
    """A regional address."""

    kind = "gcp.compute.address"
    place = "projects/{project}/regions/{region}/addresses"
    labels = "labels"
    described = True
    fields = Fields(
        {
            "name": IMMUTABLE,
            "description": CREATE_ONLY,
            "labels": MUTABLE,
            "address": IMMUTABLE,
            "addressType": Field(Mode.IMMUTABLE, equal=or_absent("EXTERNAL")),
            "networkTier": IMMUTABLE,
            "purpose": IMMUTABLE,
            "prefixLength": IMMUTABLE,
            "ipVersion": Field(Mode.IMMUTABLE, equal=or_absent("IPV4")),
            "network": FIXED_REFERENCE,
            "subnetwork": FIXED_REFERENCE,
            "region": FIXED_REFERENCE,
        }
    )
    steps = (Step(("labels",), set_labels),)
    listed: ClassVar[bool] = True

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**self.predicted(), "address": raw.get("address")}

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        pending = raw.get("status") == "RESERVING"
        return (Status.PENDING if pending else Status.READY), str(raw.get("status") or ""), Recovery.REPORT


class GlobalAddress(Address):
    """A global address, or a global range such as the one that managed services live in.

    Labels are ignored at its creation (recorded traffic): they are set by a call of their own.
    """

    kind = "gcp.compute.global_address"
    place = "projects/{project}/global/addresses"
    listed: ClassVar[bool] = False
    set_later = ("labels",)


def _same_rules(want: Any, have: Any) -> bool:
    """allowed and denied: protocols with ports, in any order; a protocol by name or number stays as it was sent."""

    def plain(rules: Any) -> list[tuple[str, tuple[str, ...]]]:
        return sorted(
            (str(rule.get("IPProtocol", "")).lower(), tuple(sorted(str(port) for port in rule.get("ports") or ())))
            for rule in rules or ()
        )

    return plain(want) == plain(have)


class Firewall(RestResource):
    """A VPC firewall rule. All rules of a network are read with one list."""

    kind = "gcp.compute.firewall"
    place = "projects/{project}/global/firewalls"
    described = True
    listed: ClassVar[bool] = True
    fields = Fields(
        {
            "name": IMMUTABLE,
            "description": DESCRIPTION,
            "network": FIXED_REFERENCE,
            "direction": Field(Mode.IMMUTABLE, equal=or_absent("INGRESS")),
            "priority": MUTABLE,
            "allowed": Field(equal=_same_rules),
            "denied": Field(equal=_same_rules),
            "sourceRanges": Field(unordered=True),
            "destinationRanges": Field(unordered=True),
            "sourceTags": Field(unordered=True),
            "targetTags": Field(unordered=True),
            "sourceServiceAccounts": Field(unordered=True),
            "targetServiceAccounts": Field(unordered=True),
            "disabled": MUTABLE,
            "logConfig": MUTABLE,
        }
    )

    def list_filter(self) -> str:
        return f'network eq ".*/networks/{last(str(self.body()["network"]))}"'
