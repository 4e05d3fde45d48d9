# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GKE cluster (Kubernetes Engine API v1)."""

from __future__ import annotations

from typing import Any

from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Recovery, Status
from .gke_fields import CLUSTER_FIELDS, CLUSTER_UPDATES, WRAPPED
from .references import merged
from .rest import Request, RestResource, Style

PROTECTED = "deletion-protection"  # the label that guards a cluster; GKE's API has no protection of its own
# GKE's words for a cluster's and a pool's state; words not listed mean: in progress.
_STATES = {
    "RUNNING": Status.READY,
    "DEGRADED": Status.READY,  # works, and wants people to look; changes may be what it needs
    "RUNNING_WITH_ERROR": Status.READY,
    "STOPPING": Status.DELETING,
    "ERROR": Status.FAILED,
}
# Members that one update each changes, biggest first: the version before what needs it, protection of data early.
_ORDER = ("databaseEncryption", "controlPlaneEndpointsConfig", "releaseChannel", "workloadIdentityConfig")


def state_of(raw: dict[str, Any]) -> tuple[Status, str]:
    """Where a cluster or pool stands, and GKE's own reason."""
    word = str(raw.get("status") or "")
    reasons = [str(each.get("message") or each.get("code") or "") for each in raw.get("conditions") or ()]
    reason = "; ".join(filter(None, reasons)) or str(raw.get("statusMessage") or "")
    return _STATES.get(word, Status.PENDING), reason or word.lower()


def minor(version: str) -> tuple[int, int]:
    """(1, 34) of "1.34.8-gke.1278000"."""
    first, second = [*version.split("."), "0"][:2]
    return int(first), int(second)


class Cluster(RestResource):
    """A regional cluster. Its first node pool is made in the same call; all pools are read from the same answer.

    The body has a member of its own, `version`: initialClusterVersion when it is made, the master's version after.
    """

    kind = "gcp.container.cluster"
    service = "container"
    style = Style.CONTAINER
    place = "projects/{project}/locations/{region}/clusters"
    labels = "resourceLabels"
    replaceable = False
    fields = CLUSTER_FIELDS

    def fetch(self) -> dict[str, Any] | None:
        return self.cloud.shared.get(self.path, super().fetch)

    def forget(self) -> None:
        self.cloud.shared.drop(self.path)

    def values(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "version": raw.get("currentMasterVersion")}

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        endpoints = (raw.get("controlPlaneEndpointsConfig") or {}).get("ipEndpointsConfig") or {}
        return {
            **self.predicted(),
            "endpoint": raw.get("endpoint"),
            "private_endpoint": endpoints.get("privateEndpoint"),
            "certificate_authority": (raw.get("masterAuth") or {}).get("clusterCaCertificate"),
            "version": raw.get("currentMasterVersion"),
            "locations": raw.get("locations") or [],
            "workload_pool": (raw.get("workloadIdentityConfig") or {}).get("workloadPool"),
        }

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        status, reason = state_of(raw)
        encryption = str((raw.get("databaseEncryption") or {}).get("currentState") or "")
        if status is Status.READY and encryption.endswith("_PENDING"):
            return Status.PENDING, encryption.lower(), Recovery.REPORT  # the key is needed until this is over
        # Without an endpoint it never came to life and holds nothing.
        return status, reason, Recovery.REPORT if raw.get("endpoint") else Recovery.RECREATE

    def creation(self, desired: dict[str, Any]) -> Request:
        body = {"name": self.name, **desired}
        version = body.pop("version", None)
        if version:
            body["initialClusterVersion"] = version
        return Request("POST", self.collection, {"cluster": body})

    def operation_path(self, answer: dict[str, Any]) -> str:
        return f"projects/{self.project}/locations/{self.cloud.region}/operations/{answer['name']}"

    # -- changes ---------------------------------------------------------------------------------------------------

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.send(self.step(observed, desired, change))

    def step(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Request:
        """The next change: GKE takes one aspect per call, and one call at a time."""
        if change.touches("resourceLabels"):
            labels = {
                "resourceLabels": merged(observed.values.get("resourceLabels"), desired["resourceLabels"]),
                "labelFingerprint": observed.values.get("labelFingerprint", ""),
            }
            return Request("POST", f"{self.path}:setResourceLabels", labels)
        if change.touches("version"):
            version = next_version(str(observed.values.get("version") or ""), str(desired["version"]))
            return self._put({"desiredMasterVersion": version})
        if change.touches("maintenancePolicy"):
            return Request(
                "POST", f"{self.path}:setMaintenancePolicy", {"maintenancePolicy": _window(observed, desired)}
            )
        if change.touches("networkPolicy") and not _addon_first(observed, desired):
            return Request("POST", f"{self.path}:setNetworkPolicy", {"networkPolicy": desired["networkPolicy"]})
        if change.touches("legacyAbac"):
            enabled = bool(desired["legacyAbac"].get("enabled"))
            return Request("POST", f"{self.path}:setLegacyAbac", {"enabled": enabled})
        paths = sorted(CLUSTER_UPDATES, key=lambda path: _ORDER.index(path) if path in _ORDER else len(_ORDER))
        path = next((each for each in paths if _concerns(change, each) and _inside(desired, each) is not None), None)
        if path is None:
            raise AssertionError(f"no way to change {[each.path for each in change.changes]}")  # a defect of ours
        name, value = CLUSTER_UPDATES[path], _inside(desired, path)
        return self._put({name: {WRAPPED[name]: value} if name in WRAPPED else value})

    def _put(self, update: dict[str, Any]) -> Request:
        return Request("PUT", self.path, {"update": update})

    def check_update(self, observed: Observed, change: Plan) -> str:
        wanted = next((each for each in change.changes if each.path == "version"), None)
        if wanted is None or not observed.values.get("version"):
            return ""
        if minor(str(wanted.after)) < minor(str(wanted.before)):
            return (
                f"version {wanted.after} is older than {wanted.before}, which it runs: GKE never goes back. "
                f"Write version: '{'.'.join(str(part) for part in minor(str(wanted.before)))}', or leave it out."
            )
        return ""

    def check_delete(self, observed: Observed) -> str:
        never_lived = observed.status is Status.FAILED and observed.recovery is Recovery.RECREATE
        if (observed.values.get("resourceLabels") or {}).get(PROTECTED) == "true" and not never_lived:
            return "deletion protection is on. Set deletion_protection: false, roll that out, then delete."
        return ""


def _concerns(change: Plan, path: str) -> bool:
    """Whether a change is at or below a path, or at a block above it that is missing as a whole."""
    return change.touches(path) or any(path.startswith(each.path + ".") for each in change.changes)


def _inside(body: dict[str, Any], path: str) -> Any:
    value: Any = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _addon_first(observed: Observed, desired: dict[str, Any]) -> bool:
    """Calico's add-on goes on before the policy is enforced, and off after it."""
    wanted = not ((desired.get("addonsConfig") or {}).get("networkPolicyConfig") or {}).get("disabled")
    present = not ((observed.values.get("addonsConfig") or {}).get("networkPolicyConfig") or {}).get("disabled")
    return wanted and not present


def _window(observed: Observed, desired: dict[str, Any]) -> dict[str, Any]:
    """setMaintenancePolicy replaces everything: exclusions that others made must be sent along."""
    present = observed.values.get("maintenancePolicy") or {}
    wanted = desired["maintenancePolicy"]
    exclusions = (present.get("window") or {}).get("maintenanceExclusions")
    window = {**({"maintenanceExclusions": exclusions} if exclusions else {}), **(wanted.get("window") or {})}
    return {**wanted, "window": window, "resourceVersion": present.get("resourceVersion", "")}


def next_version(present: str, wanted: str) -> str:
    """GKE's control plane goes up one minor version at a time."""
    if not present or not wanted[:1].isdigit() or minor(wanted) <= (minor(present)[0], minor(present)[1] + 1):
        return wanted
    return f"{minor(present)[0]}.{minor(present)[1] + 1}"
