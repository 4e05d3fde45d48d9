"""Volumes: claims are bound to disks that the cloud makes, and give them back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from ..kinds.base import at
from ..quantities import parse
from ..selectors import object_selector
from .base import Controller, Informers
from .client import ApiFailure, Body, Client, path_of
from .cloud import CloudObjects, DriverMissing
from .informer import Key, key_of

_CLAIM_HELD, _VOLUME_HELD = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
_DISK_HELD = "external-provisioner.volume.kubernetes.io/finalizer"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_PROVISIONER, _PROVISIONED_BY = "volume.kubernetes.io/storage-provisioner", "pv.kubernetes.io/provisioned-by"
_COMPLETED, _BY_CONTROLLER = "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"
_ZONE = "topology.kubernetes.io/zone"
_MIGRATED = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
}
_OVER = ("Succeeded", "Failed")


class Claims(Controller):
    """Binds PersistentVolumeClaims; holds back the deletion of those that pods use."""

    api_version, plural, kind = "v1", "persistentvolumeclaims", "PersistentVolumeClaim"

    def __init__(self, client: Client, informers: Informers, objects: CloudObjects | None) -> None:
        super().__init__(client, informers)
        self._objects = objects
        self._volumes = informers.of("v1", "persistentvolumes")
        self._classes = informers.of("storage.k8s.io/v1", "storageclasses")
        self._pods = informers.of("v1", "pods")
        self._nodes = informers.of("v1", "nodes")
        self._pods.on_change(self._pod_changed)
        self._classes.on_change(lambda body, before: self._pending())
        self._volumes.on_change(lambda body, before: self._pending())
        self._told: dict[str, str] = {}

    def _pod_changed(self, pod: Body, before: Body | None) -> None:
        for name in claims_of(pod):
            self.enqueue((pod["metadata"]["namespace"], name))

    def _pending(self) -> None:
        for key, claim in self.own.objects.items():
            if not at(claim, "spec.volumeName"):
                self.enqueue(key)

    async def reconcile(self, key: Key) -> None:
        claim = self.own.get(*key)
        if claim is None:
            return
        meta = claim["metadata"]
        held = list(meta.get("finalizers") or [])
        if meta.get("deletionTimestamp"):
            if _CLAIM_HELD in held and not any(self._users(key)):
                rest = [one for one in held if one != _CLAIM_HELD]
                await self._change(claim, {"metadata": {"finalizers": rest or None}})
                self._told.pop(meta["uid"], None)
            return
        if _CLAIM_HELD not in held:
            claim = await self._change(claim, {"metadata": {"finalizers": [*held, _CLAIM_HELD]}})
        if at(claim, "status.phase") != "Bound":
            await self._bind(claim)

    def _users(self, key: Key) -> Iterator[Body]:
        for pod in self._pods.in_namespace(key[0]):
            if key[1] in claims_of(pod) and (pod.get("status") or {}).get("phase") not in _OVER:
                yield pod

    async def _bind(self, claim: Body) -> None:
        name = claim["spec"].get("storageClassName") or ""
        volume = self._fitting(claim, name)
        if volume is not None:
            await self._bound(claim, volume)
            return
        if not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            await self._tell(claim, "Normal", "FailedBinding", text)
            return
        found = self._classes.get("", name)
        if found is None:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            await self._tell(claim, "Warning", "ProvisioningFailed", text)
            return
        if found["provisioner"] == _NO_PROVISIONER or at(claim, "spec.volumeName"):
            return
        if found.get("volumeBindingMode") == "WaitForFirstConsumer":
            # The scheduler's choice, or the node of a pod that was given one without the scheduler.
            chosen = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE, "")
            given = (pod["spec"].get("nodeName", "") for pod in self._users(key_of(claim)))
            node = chosen or next(filter(None, given), "")
            if not node:
                text = "waiting for first consumer to be created before binding"
                await self._tell(claim, "Normal", "WaitForFirstConsumer", text)
                return
            if chosen != node:
                claim = await self._change(claim, {"metadata": {"annotations": {SELECTED_NODE: node}}})
        await self._provision(claim, found)

    async def _provision(self, claim: Body, storage_class: Body) -> None:
        driver = driver_of(storage_class)
        uid = claim["metadata"]["uid"]
        handle = f"pvc-{uid}"
        if self._objects is not None:
            try:
                wanted = {**claim, "storageClass": storage_class}
                handle = await asyncio.to_thread(self._objects.volume, wanted)
            except DriverMissing:
                text = (
                    "Waiting for a volume to be created either by the external provisioner "
                    f"'{driver}' or manually by the system administrator. If volume creation is delayed, please "
                    "verify that the provisioner is running and correctly registered."
                )
                await self._tell(claim, "Normal", "ExternalProvisioning", text)
                self.enqueue_after(key_of(claim), 1.0)
                return
            except Exception as error:
                name = storage_class["metadata"]["name"]
                text = f'failed to provision volume with StorageClass "{name}": {error}'
                await self._tell(claim, "Warning", "ProvisioningFailed", text)
                raise
        annotations = {_PROVISIONER: driver, "volume.beta.kubernetes.io/storage-provisioner": driver}
        claim = await self._change(claim, {"metadata": {"annotations": annotations}})
        volume = self._volume(claim, storage_class, handle)
        try:
            made = await self.client.create(path_of("v1", "persistentvolumes"), volume)
        except ApiFailure as failure:
            if failure.code != 409:
                raise
            made = await self.client.request("GET", path_of("v1", "persistentvolumes", "", f"pvc-{uid}"))
        self._volumes.remember({"apiVersion": "v1", "kind": "PersistentVolume", **made})
        await self.event(claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume pvc-{uid}")
        await self._bound(claim, made)

    def _volume(self, claim: Body, storage_class: Body, handle: str) -> Body:
        spec, driver = claim["spec"], driver_of(storage_class)
        parameters = storage_class.get("parameters") or {}
        source: Body = {"driver": driver, "volumeHandle": handle}
        if spec.get("volumeMode") != "Block":
            source["fsType"] = parameters.get("csi.storage.k8s.io/fstype", "ext4")
        body: Body = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": f"pvc-{claim['metadata']['uid']}",
                "annotations": {_PROVISIONED_BY: driver},
                "finalizers": [_DISK_HELD, _VOLUME_HELD],
            },
            "spec": {
                "capacity": {"storage": at(spec, "resources.requests.storage")},
                "accessModes": spec["accessModes"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
                "storageClassName": storage_class["metadata"]["name"],
                "claimRef": _reference(claim),
                "csi": source,
            },
        }
        node = self._nodes.get("", (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE, "")) or {}
        zone = ((node.get("metadata") or {}).get("labels") or {}).get(_ZONE)
        if zone:
            wanted = [{"key": _ZONE, "operator": "In", "values": [zone]}]
            body["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": wanted}]}}
        return body

    async def _bound(self, claim: Body, volume: Body) -> None:
        name = volume["metadata"]["name"]
        if not at(volume, "spec.claimRef.uid"):
            path = path_of("v1", "persistentvolumes", "", name)
            volume = await self.client.patch(path, {"spec": {"claimRef": _reference(claim)}})
        if at(claim, "spec.volumeName") != name or _COMPLETED not in (claim["metadata"].get("annotations") or {}):
            annotations = {_COMPLETED: "yes", _BY_CONTROLLER: "yes"}
            patch = {"metadata": {"annotations": annotations}, "spec": {"volumeName": name}}
            claim = await self._change(claim, patch)
        given = {"capacity": volume["spec"]["capacity"], "accessModes": volume["spec"]["accessModes"]}
        await self.set_status(claim, {"phase": "Bound", **given})

    def _fitting(self, claim: Body, name: str) -> Body | None:
        """A volume that is this claim's already, or one that is free and will do."""
        uid, spec = claim["metadata"]["uid"], claim["spec"]
        fits = object_selector(spec.get("selector"))
        least = parse(at(spec, "resources.requests.storage"))
        found = []
        for volume in self._volumes.objects.values():
            offered, meta = volume["spec"], volume["metadata"]
            reference = offered.get("claimRef") or {}
            if reference.get("uid") == uid:
                return volume
            mine = (reference.get("namespace"), reference.get("name")) == key_of(claim) and not reference.get("uid")
            wanted = spec.get("volumeName")
            if meta.get("deletionTimestamp") or (reference and not mine) or (wanted and wanted != meta["name"]):
                continue
            same = (offered.get("storageClassName") or "") == name
            modes = set(spec["accessModes"]) <= set(offered.get("accessModes") or [])
            size = parse(at(offered, "capacity.storage") or "0")
            labelled = not spec.get("selector") or fits(meta.get("labels") or {})
            if same and modes and labelled and size >= least:
                found.append((size, meta["name"], volume))
        return min(found, key=lambda one: one[:2])[2] if found else None

    async def _change(self, claim: Body, patch: Body) -> Body:
        changed = await self.client.patch(self.path(claim), patch)
        self.own.remember(changed)
        return changed

    async def _tell(self, claim: Body, kind: str, reason: str, message: str) -> None:
        """Once, not at every look."""
        uid = claim["metadata"]["uid"]
        if self._told.get(uid) != message:
            self._told[uid] = message
            await self.event(claim, kind, reason, message)


class Volumes(Controller):
    """PersistentVolumes whose claim is gone: their disks are given back, or kept."""

    api_version, plural, kind = "v1", "persistentvolumes", "PersistentVolume"

    def __init__(self, client: Client, informers: Informers, objects: CloudObjects | None) -> None:
        super().__init__(client, informers)
        self._objects = objects
        self._claims = informers.of("v1", "persistentvolumeclaims")
        self._told: dict[str, str] = {}
        self._claims.on_change(self._claim_changed)

    def _claim_changed(self, claim: Body, before: Body | None) -> None:
        if at(claim, "spec.volumeName"):
            self.enqueue(("", claim["spec"]["volumeName"]))

    async def reconcile(self, key: Key) -> None:
        volume = self.own.get(*key)
        if volume is None:
            return
        reference = at(volume, "spec.claimRef") or {}
        claim = self._claims.get(reference.get("namespace", ""), reference.get("name", ""))
        if not reference.get("uid"):
            phase = "Available"
        elif claim is not None and claim["metadata"]["uid"] == reference["uid"]:
            phase = "Bound"
        elif at(volume, "status.phase") in ("Bound", "Released") or volume["metadata"].get("deletionTimestamp"):
            phase = "Released"
        else:  # the claim has not been seen yet
            return
        if at(volume, "status.phase") != phase:
            await self.set_status(volume, {**(volume.get("status") or {}), "phase": phase})
            volume = self.own.get(*key) or volume
        policy = volume["spec"]["persistentVolumeReclaimPolicy"]
        if phase == "Released" and policy == "Delete":
            await self._give_back(volume)
        elif volume["metadata"].get("deletionTimestamp") and phase != "Bound":
            await self._release(volume)

    async def _give_back(self, volume: Body) -> None:
        handle = at(volume, "spec.csi.volumeHandle")
        if handle and self._objects is not None:
            try:
                await asyncio.to_thread(self._objects.no_volume, handle)
            except Exception as error:
                if self._told.get(handle) != str(error):
                    self._told[handle] = str(error)
                    await self.event(volume, "Warning", "VolumeFailedDelete", str(error))
                raise
            self._told.pop(handle, None)
        if not volume["metadata"].get("deletionTimestamp"):
            await self.client.delete(self.path(volume))
        await self._release(volume)

    async def _release(self, volume: Body) -> None:
        held: list[Any] = volume["metadata"].get("finalizers") or []
        rest = [one for one in held if one not in (_DISK_HELD, _VOLUME_HELD)]
        if rest != held:
            await self.client.patch(self.path(volume), {"metadata": {"finalizers": rest or None}})


def claims_of(pod: Body) -> list[str]:
    """Names of the claims that a pod's volumes are."""
    found = []
    for volume in pod["spec"].get("volumes") or []:
        if volume.get("persistentVolumeClaim"):
            found.append(volume["persistentVolumeClaim"]["claimName"])
        elif volume.get("ephemeral"):
            found.append(f"{pod['metadata']['name']}-{volume['name']}")
    return found


def driver_of(storage_class: Body) -> str:
    """The CSI driver behind a class; those of the clouds' old plug-ins have moved to their drivers."""
    provisioner = str(storage_class["provisioner"])
    return _MIGRATED.get(provisioner, provisioner)


def _reference(claim: Body) -> Body:
    meta = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }
