# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes has made in the cloud's account, taken away before the cluster is: nobody else would do it.

Load balancers belong to Services, Ingresses and Gateways, disks to claims. The cluster's own controllers delete them
when the objects go, and hold the objects by finalizers until they have (Kubernetes documentation, "Finalizers").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from .._engine.access import Access, NoAddress
from .._engine.clock import Clock
from .._engine.errors import CloudError, NotFound, Retryable
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Progress, Recovery, Resource, State, Status
from .._engine.retry import retry_call
from .client import Client
from .errors import UnknownKind
from .objects import Body, Ref, ref_of

# For as long an API server may be silent. A call's own time-out comes on top.
PATIENCE = 60.0
_SHOWN = 5
_NOT_OF_WORKLOADS = ("Node",)  # pods that a node runs by itself
_BALANCED = (
    ("services", "v1", "Service"),
    ("ingresses", "networking.k8s.io/v1", "Ingress"),
    ("gateways", "gateway.networking.k8s.io/v1", "Gateway"),
)
_OPTION = "allow_unreachable_cluster"


class CloudObjects(Resource):
    """All of them in one cluster, as one object that is only ever deleted.

    needs: whatever the cluster needs to work. cluster: the cluster itself, as the cloud has it.
    """

    kind: ClassVar[str] = "kubernetes.cloud_objects"
    fields: ClassVar[Fields] = Fields(
        dict.fromkeys(("services", "ingresses", "gateways", "claims", "volumes"), MUTABLE)
    )
    stays: str = ""  # type: ignore[misc]  # of this object: why the cluster is not asked

    def __init__(
        self,
        cluster: Resource,
        access: Access,
        clock: Clock,
        needs: Sequence[Resource],
        *,
        unreachable: bool = False,
    ) -> None:
        """unreachable: go on without asking a cluster that does not answer, or does not let us."""
        others = [each for each in needs if each is not cluster]
        super().__init__(cluster.name, [cluster, *others], present=False)
        self.cluster, self.access, self.clock, self.unreachable = cluster, access, clock, unreachable
        self._client: Client | None = None

    # -- looking ---------------------------------------------------------------------------------------------------

    def desired(self) -> dict[str, Any]:
        return {}

    def lasts(self) -> bool:
        return bool(self.stays)

    def read(self) -> Observed | None:
        self.stays = ""
        # A planned survey has just read the cluster; one that does not exist holds nothing.
        if not self.cluster.outputs:
            return None
        try:
            found = self._found()
        except NoAddress:  # it is being made, or was never finished: nobody has used it
            return None
        except CloudError as error:
            return self._unreached(error)
        if not any(found.values()):
            return None
        values = {name: [_path(item) for item in items] for name, items in found.items()}
        kept = values.pop("kept")
        if not any(values.values()):
            return None
        return Observed(values, {"id": f"{self.cluster.outputs.get('id', self.name)}/cloud-objects"}, raw=kept)

    def _unreached(self, error: CloudError) -> Observed | None:
        never_lived = self._never_lived()
        if never_lived is None:
            return None
        if self.unreachable or never_lived:
            why = "its creation failed" if never_lived else f"{_OPTION} is set"
            self.stays = (
                f"not looked for, because the cluster cannot be asked and {why}: {_sentence(error)} Load balancers and "
                "disks that Kubernetes made may stay; find_orphans names them"
            )
            return Observed({})
        refused = CloudError(
            f"Load balancers and disks that Kubernetes made have to go before the cluster, and it cannot be asked for "
            f"them: {_sentence(error)}",
            code=error.code,
            status=error.status,
            hint=f"{error.hint} Run where the API server can be reached, with an identity that may delete Services and "
            f"PersistentVolumeClaims; or set {_OPTION}: true to leave them behind, and remove what find_orphans "
            "names afterwards.".lstrip(),
        )
        refused.what = f"{self.kind} {self.name}"
        raise refused from error

    def _never_lived(self) -> bool | None:
        """Whether the cluster's creation failed. None: it is gone by now."""
        observed = self.cluster.read()
        if observed is None or observed.status is Status.DELETING:
            return None
        return observed.status is Status.FAILED and observed.recovery is not Recovery.REPORT

    def _found(self) -> dict[str, list[Body]]:
        """By what they are; `kept` are volumes whose disks stay on purpose."""
        client = self._connected()
        found: dict[str, list[Body]] = {
            name: [item for item in self._list(client, version, kind) if _balanced(item)]
            for name, version, kind in _BALANCED
        }
        found["claims"] = self._list(client, "v1", "PersistentVolumeClaim")
        volumes = self._list(client, "v1", "PersistentVolume")
        used = [item for item in volumes if (item["spec"].get("claimRef") or {}).get("name")]
        found["volumes"] = [item for item in used if item["spec"].get("persistentVolumeReclaimPolicy") == "Delete"]
        found["kept"] = [item for item in used if item["spec"].get("persistentVolumeReclaimPolicy") == "Retain"]
        return found

    def _connected(self) -> Client:
        """Its address is asked for first, once: a cluster without one is told from one that does not answer."""
        if self._client is None:
            self._repeated(self.access.endpoint, besides=NoAddress)
            self._client = Client(self.access, self.clock)
        return self._client

    def _list(self, client: Client, version: str, kind: str) -> list[Body]:
        try:
            return self._repeated(lambda: client.list(version, kind))
        except UnknownKind:
            return []

    def _repeated(self, ask: Callable[[], Any], besides: type[CloudError] | None = None) -> Any:
        """Asked again for a short while alone: what does not answer by then has to be decided about."""

        def once() -> Any:
            try:
                return ask()
            except Retryable as error:
                if besides is not None and isinstance(error, besides):
                    raise _Decided(error) from error
                raise

        try:
            return retry_call(once, self.clock, timeout=PATIENCE)
        except _Decided as decided:
            raise decided.error from None

    def remains(self, observed: Observed) -> str:
        """What goes, by name: data is among it."""
        names = observed.values
        parts = [
            f"{word} {_few(names[member])}"
            for member, word in (("services", "Service"), ("ingresses", "Ingress"), ("gateways", "Gateway"))
            if names.get(member)
        ]
        if names.get("claims"):
            parts.append(f"PersistentVolumeClaim {_few(names['claims'])} with the data in it")
        elif names.get("volumes"):
            parts.append(f"PersistentVolume {_few(names['volumes'])} with the data in it")
        said = f"deletes {'; '.join(parts)}" if parts else ""
        if observed.raw:
            said += f"{'; ' if said else ''}the disks of {_few(observed.raw)} stay (reclaim policy Retain)"
        return said

    # -- deleting --------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotImplementedError  # nobody asks for it

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise NotImplementedError

    def delete(self, observed: Observed) -> Operation:
        self._delete(self._found())
        return Operation(self.name)

    def poll(self, operation: Operation) -> Progress:
        """Until all are gone. What somebody makes again meanwhile is deleted again."""
        found = self._found()
        found.pop("kept")
        left = [item for items in found.values() for item in items]
        if not left:
            return Progress(State.DONE)
        self._delete(found)
        return Progress(State.RUNNING, f"{len(left)} left: {_few([_state(item) for item in left], 3)}")

    def _delete(self, found: dict[str, list[Body]]) -> None:
        client = self._connected()
        claims = found["claims"]
        for item in self._users(client, claims):
            self._begin(client, item)
        for name in ("ingresses", "gateways", "services", "claims"):
            for item in found[name]:
                self._begin(client, item)

    @staticmethod
    def _begin(client: Client, item: Body) -> None:
        if item["metadata"].get("deletionTimestamp"):
            return
        try:
            client.delete(ref_of(item), propagation="Background", uid=item["metadata"].get("uid"))
        except CloudError as error:
            if error.status not in (404, 409):  # gone, or made anew: the next look tells
                raise

    def _users(self, client: Client, claims: Iterable[Body]) -> list[Body]:
        """What makes the pods that use claims: a claim stays for as long as a pod uses it (Kubernetes documentation,
        "Storage Object in Use Protection")."""
        wanted: dict[str, set[str]] = {}
        for claim in claims:
            wanted.setdefault(claim["metadata"]["namespace"], set()).add(claim["metadata"]["name"])
        found: dict[str, Body] = {}
        for namespace, names in wanted.items():
            for pod in client.list("v1", "Pod", namespace):
                if names & _claims_of(pod):
                    top = self._top(client, pod)
                    found[str(top["metadata"].get("uid"))] = top
        return list(found.values())

    @staticmethod
    def _top(client: Client, item: Body) -> Body:
        """The object at the top of its owners: whatever would make it again."""
        namespace = item["metadata"]["namespace"]
        for _step in range(8):
            owners = item["metadata"].get("ownerReferences") or []
            owner = next((each for each in owners if each.get("controller")), None)
            if owner is None or owner["kind"] in _NOT_OF_WORKLOADS:
                return item
            ref = Ref(owner["apiVersion"], owner["kind"], owner["name"], namespace)
            try:
                item = {"apiVersion": ref.api_version, "kind": ref.kind, **client.get(ref)}
            except NotFound:
                return item
        return item


class _Decided(Exception):
    """Carries what must not be tried again past the loop that tries again."""

    def __init__(self, error: CloudError) -> None:
        self.error = error


def _balanced(item: Body) -> bool:
    return item["kind"] != "Service" or item["spec"].get("type") == "LoadBalancer"


def _claims_of(pod: Body) -> set[str]:
    """Names of the claims that a pod uses, those of its own (ephemeral volumes) among them."""
    found = set()
    for volume in pod["spec"].get("volumes") or []:
        if volume.get("persistentVolumeClaim"):
            found.add(volume["persistentVolumeClaim"]["claimName"])
        elif volume.get("ephemeral"):
            found.add(f"{pod['metadata']['name']}-{volume['name']}")
    return found


def _path(item: Body) -> str:
    return ref_of(item).path


def _state(item: Body) -> str:
    """An object that is still there, and what it waits for."""
    reason = (item.get("status") or {}).get("message") or ", ".join(item["metadata"].get("finalizers") or [])
    return f"{ref_of(item)}{f' ({reason})' if reason else ''}"


def _sentence(error: CloudError) -> str:
    return f"{error.message.rstrip('. ')}."


def _few(names: Sequence[str], most: int = _SHOWN) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
