"""EBS volumes that the CSI driver of a cluster makes for claims.

Source: kubernetes-sigs/aws-ebs-csi-driver, ``docs/parameters.md`` and ``docs/tagging.md``.
"""

from __future__ import annotations

import math
from typing import Any

from moto.ec2.exceptions import InvalidVolumeIdError

from ...kubernetes.controllers.claims import SELECTED_NODE
from ...kubernetes.controllers.cloud import DriverMissing
from ...kubernetes.quantities import parse
from ..world import World
from .machines import zone_of
from .state import Cluster

_DRIVERS = ("ebs.csi.aws.com", "kubernetes.io/aws-ebs")
_ADDON = "aws-ebs-csi-driver"
_NAME_TAG = "CSIVolumeName"
_GIB = 1024**3


class Disks:
    """Of one account. Called in the worker thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ensure(self, cluster: Cluster, claim: dict[str, Any]) -> str:
        """The volume of a claim; its id."""
        storage_class = claim["storageClass"]
        addon = cluster.addons.get(_ADDON)
        if storage_class["provisioner"] not in _DRIVERS or addon is None or addon.life.status != "ACTIVE":
            raise DriverMissing(storage_class["provisioner"])
        ec2, meta = self._world.ec2(cluster.region), claim["metadata"]
        name = f"pvc-{meta['uid']}"
        for volume in ec2.volumes.values():
            if any(tag["key"] == _NAME_TAG and tag["value"] == name for tag in volume.get_tags()):
                return str(volume.id)
        parameters = storage_class.get("parameters") or {}
        kind = parameters.get("type", "gp3")
        made = ec2.create_volume(
            size=max(1, math.ceil(parse(claim["spec"]["resources"]["requests"]["storage"]) / _GIB)),
            zone_name=self._zone(cluster, (meta.get("annotations") or {}).get(SELECTED_NODE, "")),
            encrypted=parameters.get("encrypted") == "true",
            kms_key_id=parameters.get("kmsKeyId"),
            volume_type=kind,
            iops=int(parameters["iops"]) if parameters.get("iops") else None,
            throughput=int(parameters["throughput"]) if parameters.get("throughput") else None,
        )
        made.add_tags(
            {
                "Name": f"{cluster.name}-dynamic-{name}",
                _NAME_TAG: name,
                "KubernetesCluster": cluster.name,
                "ebs.csi.aws.com/cluster": "true",
                f"kubernetes.io/cluster/{cluster.name}": "owned",
                "kubernetes.io/created-for/pv/name": name,
                "kubernetes.io/created-for/pvc/name": meta["name"],
                "kubernetes.io/created-for/pvc/namespace": meta["namespace"],
            }
        )
        return str(made.id)

    def remove(self, cluster: Cluster, handle: str) -> None:
        """Delete a volume; one that is gone already is fine."""
        ec2 = self._world.ec2(cluster.region)
        try:
            ec2.delete_volume(handle)
        except InvalidVolumeIdError:
            return
        ec2.tags.pop(handle, None)

    def _zone(self, cluster: Cluster, node: str) -> str:
        found = zone_of(self._world, cluster, node)
        if found is None:  # bound at once: any zone of the cluster
            subnet = cluster.document["resourcesVpcConfig"]["subnetIds"][0]
            found = str(self._world.ec2(cluster.region).get_subnet(subnet).availability_zone)
        return found
