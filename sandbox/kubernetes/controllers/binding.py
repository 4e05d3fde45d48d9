"""Claims and the scheduler: which nodes a pod's volumes can reach, and on which one new volumes are made."""

from __future__ import annotations

from collections.abc import Callable

from ..kinds.base import at
from .base import Informers
from .claims import SELECTED_NODE
from .client import Body, Client, path_of
from .informer import key_of


class VolumeBinding:
    """What the scheduler asks about claims. ``changed`` is called when it should look at its pods again."""

    def __init__(self, client: Client, informers: Informers, changed: Callable[[], None]) -> None:
        self._client = client
        self._claims = informers.of("v1", "persistentvolumeclaims")
        self._claims.on_change(lambda body, before: changed())
        self._volumes = informers.of("v1", "persistentvolumes")
        self._classes = informers.of("storage.k8s.io/v1", "storageclasses")

    async def claims(self, pod: Body) -> tuple[list[Body], str]:
        """The claims of a pod, and why they keep it from every node ("" when they do not)."""
        found = []
        for volume in pod["spec"].get("volumes") or []:
            name = at(volume, "persistentVolumeClaim.claimName")
            if not name:
                continue
            key = (pod["metadata"]["namespace"], name)
            claim = self._claims.get(*key) or await self._client.get(path_of("v1", "persistentvolumeclaims", *key))
            if claim is None:
                return [], f'persistentvolumeclaim "{name}" not found'
            if claim["metadata"].get("deletionTimestamp"):
                return [], f'persistentvolumeclaim "{name}" is being deleted'
            storage_class = self._classes.get("", claim["spec"].get("storageClassName") or "") or {}
            late = storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
            if not _is_bound(claim) and not late:
                return [], "pod has unbound immediate PersistentVolumeClaims"
            found.append(claim)
        return found, ""

    def problem(self, claims: list[Body], node: Body, fits: Callable[[Body, dict[str, str]], bool]) -> str:
        """Why the volumes of bound claims cannot be used on a node; ``fits`` decides a node selector term."""
        labels = node["metadata"].get("labels") or {}
        for claim in claims:
            volume = self._volumes.get("", at(claim, "spec.volumeName") or "") or {}
            terms = at(volume, "spec.nodeAffinity.required.nodeSelectorTerms")
            if terms and not any(fits(one, labels) for one in terms):
                return "node(s) had volume node affinity conflict"
        return ""

    def asked_for(self, claims: list[Body]) -> str:
        """The node that volumes are being made for already; "" for none."""
        return next((_selected(claim) for claim in claims if not _is_bound(claim) and _selected(claim)), "")

    async def ready(self, claims: list[Body], node: str) -> bool:
        """Whether a pod may go to a node. When not, its volumes are made there first, and it is looked at again."""
        unbound = [claim for claim in claims if not _is_bound(claim)]
        for claim in unbound:
            if _selected(claim) != node:
                path = path_of("v1", "persistentvolumeclaims", *key_of(claim))
                await self._client.patch(path, {"metadata": {"annotations": {SELECTED_NODE: node}}})
        return not unbound


def _is_bound(claim: Body) -> bool:
    return at(claim, "status.phase") == "Bound"


def _selected(claim: Body) -> str:
    return str((claim["metadata"].get("annotations") or {}).get(SELECTED_NODE, ""))
