"""Managed node groups."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from ..hooks import Hooks
from ..wire import Call
from .access import node_role_entry
from .catalog import BY_NAME, minor, release_version
from .checks import Checks
from .errors import in_use, invalid, invalid_request, not_found
from .nodegroup_updates import NodegroupUpdates, scaling
from .paging import page
from .state import Cluster, Document, Nodegroup
from .store import Store

NODEGROUPS_QUOTA = "eks/L-6D54EA21"
ON_DEMAND_QUOTA = "ec2/L-1216C47A"
SPOT_QUOTA = "ec2/L-34B43A08"
GPU_QUOTA = "ec2/L-DB2E81BA"
GPU_SPOT_QUOTA = "ec2/L-3819A6DF"
_LAST_AL2 = 32  # Amazon Linux 2 images end with Kubernetes 1.32


class Nodegroups:
    """Handlers of the operations on node groups."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks
        self._world = store.world
        self._updates = NodegroupUpdates(store, checks, self.find)

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.CreateNodegroup", self.create)
        hooks.replace("eks.DescribeNodegroup", self.describe)
        hooks.replace("eks.ListNodegroups", self.list_all)
        hooks.replace("eks.DeleteNodegroup", self.delete)
        self._updates.register(hooks)

    def find(self, call: Call) -> tuple[Cluster, Nodegroup]:
        """The node group that the call names, and its cluster."""
        cluster, name = self._store.cluster(call), call.params["nodegroupName"]
        found = cluster.nodegroups.get(name)
        if found is None:
            names = {"clusterName": cluster.name, "nodegroupName": name}
            raise not_found(f"No node group found for name: {name}.", **names)
        return cluster, found

    def create(self, call: Call) -> Document:
        """CreateNodegroup."""
        wanted = call.params
        cluster, name = self._store.active_cluster(call), wanted["nodegroupName"]
        names = {"clusterName": cluster.name, "nodegroupName": name}
        existing = cluster.nodegroups.get(name)
        if existing is not None:
            if wanted.get("clientRequestToken") and existing.token == wanted["clientRequestToken"]:
                return {"nodegroup": existing.describe()}
            raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.name}", **names)
        if len(cluster.nodegroups) >= self._world.context.quotas.get(NODEGROUPS_QUOTA):
            raise invalid_request(f"Nodegroup limit exceeded for cluster {cluster.name}", **names)
        subnets = self._checks.subnets(call.region, wanted["subnets"], **names)
        if not subnets:
            raise invalid("Subnets are required", **names)
        if subnets[0].vpc_id != cluster.document["resourcesVpcConfig"]["vpcId"]:
            raise invalid("Subnets are not in the VPC of the cluster", **names)
        self._checks.role(wanted["nodeRole"], "ec2.amazonaws.com", **names)
        document = self._document(call, cluster, names)
        nodegroup = Nodegroup(
            document,
            self._store.lifecycle(call, "CREATING", "eks.nodegroup.create", "AsgInstanceLaunchFailures"),
            token=wanted.get("clientRequestToken"),
        )
        if nodegroup.life.failure is None:
            nodegroup.life.failure = self._over_quota(call.region, document)
        if nodegroup.life.failure is None:
            nodegroup.interfaces = self._store.footprint.attach(
                call.region,
                subnets,
                [cluster.document["resourcesVpcConfig"]["clusterSecurityGroupId"]],
                f"Node of {name}",
                document["scalingConfig"]["desiredSize"],
            )
        node_role_entry(self._world, cluster, wanted["nodeRole"])
        cluster.nodegroups[name] = nodegroup
        return {"nodegroup": nodegroup.describe()}

    def _document(self, call: Call, cluster: Cluster, names: dict[str, Any]) -> Document:
        wanted, number = call.params, self._world.new_uuid()
        version = wanted.get("version") or cluster.version
        template = self._template(call, wanted.get("launchTemplate"), names)
        types = list(wanted.get("instanceTypes") or ([] if template else ["t3.medium"]))
        ami_type = wanted.get("amiType") or _default_ami(types)
        self._refuse_unfit(cluster, wanted, version, ami_type, template, names)
        self._checks.instance_types(types, ami_type, **names)
        now = self._world.clock.wall()
        document: Document = {
            "nodegroupName": names["nodegroupName"],
            "nodegroupArn": self._store.arn(call, "nodegroup", cluster.name, names["nodegroupName"], number),
            "clusterName": cluster.name,
            "version": version,
            "releaseVersion": wanted.get("releaseVersion") or release_version(version, ami_type),
            "createdAt": now,
            "modifiedAt": now,
            "capacityType": wanted.get("capacityType", "ON_DEMAND"),
            "scalingConfig": scaling(
                {"minSize": 1, "maxSize": 2, "desiredSize": 2}, wanted.get("scalingConfig"), names
            ),
            "instanceTypes": types,
            "subnets": list(wanted["subnets"]),
            "amiType": ami_type,
            "nodeRole": wanted["nodeRole"],
            "labels": dict(wanted.get("labels", {})),
            "resources": {"autoScalingGroups": [{"name": f"eks-{names['nodegroupName']}-{number}"}]},
            "updateConfig": wanted.get("updateConfig") or {"maxUnavailable": 1},
            "tags": dict(wanted.get("tags", {})),
        }
        if not template:
            document["diskSize"] = wanted.get("diskSize", 20)
        else:
            document["launchTemplate"] = template
        for key in ("taints", "remoteAccess", "nodeRepairConfig"):
            if wanted.get(key):
                document[key] = wanted[key]
        return document

    def _template(self, call: Call, wanted: Document | None, names: dict[str, Any]) -> Document | None:
        if not wanted:
            return None
        for template in self._world.ec2(call.region).launch_templates.values():
            if template.id == wanted.get("id") or template.name == wanted.get("name"):
                version = wanted.get("version") or str(template.default_version_number)
                if version not in {str(item.number) for item in template.versions}:
                    raise invalid(f"Launch template version {version} does not exist", **names)
                return {"id": template.id, "name": template.name, "version": version}
        raise invalid(f"Launch template {wanted.get('id') or wanted.get('name')} does not exist", **names)

    @staticmethod
    def _refuse_unfit(
        cluster: Cluster,
        wanted: Document,
        version: str,
        ami_type: str,
        template: Document | None,
        names: dict[str, Any],
    ) -> None:
        if version not in BY_NAME or minor(version) > minor(cluster.version):
            raise invalid(
                f"Requested Nodegroup version {version} doesn't match cluster version {cluster.version}", **names
            )
        if template and wanted.get("diskSize"):
            raise invalid("Disk size must be specified within the launch template.", **names)
        if template and wanted.get("remoteAccess"):
            raise invalid("Remote access configuration cannot be specified with a launch template.", **names)
        if ami_type.startswith("AL2_") and minor(version) > _LAST_AL2:
            raise invalid(
                f"AMI Type {ami_type} is only supported for kubernetes versions 1.{_LAST_AL2} or earlier", **names
            )
        release = wanted.get("releaseVersion")
        if release and release != release_version(version, ami_type):
            raise invalid(
                f"Requested Nodegroup release version {release} is invalid. Allowed release version is "
                f"{release_version(version, ami_type)}",
                **names,
            )

    def _over_quota(self, region: str, document: Document) -> Document | None:
        """The health issue of a group whose machines the account may not have."""
        spot = document["capacityType"] == "SPOT"
        gpu = _is_gpu(document)
        name = {(False, False): ON_DEMAND_QUOTA, (True, False): SPOT_QUOTA, (False, True): GPU_QUOTA}.get(
            (spot, gpu), GPU_SPOT_QUOTA
        )
        limit = self._world.context.quotas.get(name)
        used = sum(
            vcpus(group.document)
            for cluster in self._store.clusters(region).values()
            for group in cluster.nodegroups.values()
            if (group.document["capacityType"] == "SPOT") == spot and _is_gpu(group.document) == gpu
        )
        if used + vcpus(document) <= limit:
            return None
        code = "MaxSpotInstanceCountExceeded" if spot else "VcpuLimitExceeded"
        kind = "Spot" if spot else "On-Demand"
        message = (
            f"Could not launch {kind} Instances. {code} - You have requested more vCPU capacity than your current "
            f"vCPU limit of {limit:.0f} allows for the instance bucket that the specified instance type belongs to."
        )
        groups = [group["name"] for group in document["resources"]["autoScalingGroups"]]
        return {"code": "AsgInstanceLaunchFailures", "message": message, "resourceIds": groups}

    def describe(self, call: Call) -> Document:
        """DescribeNodegroup."""
        return {"nodegroup": self.find(call)[1].describe()}

    def list_all(self, call: Call) -> Document:
        """ListNodegroups."""
        return page(call, sorted(self._store.cluster(call).nodegroups), "nodegroups")

    def delete(self, call: Call) -> Document:
        """DeleteNodegroup."""
        cluster, nodegroup = self.find(call)
        names = {"clusterName": cluster.name, "nodegroupName": nodegroup.name}
        if nodegroup.life.status in ("CREATING", "UPDATING"):
            raise in_use(f"Nodegroup cannot be deleted as it is currently in {nodegroup.life.status} state", **names)
        if nodegroup.life.status != "DELETING":
            nodegroup.life = self._store.lifecycle(
                call, "DELETING", "eks.nodegroup.delete", "Ec2SecurityGroupDeletionFailure"
            )
        return {"nodegroup": nodegroup.describe()}


def vcpus(document: Document) -> int:
    """vCPUs of a node group at its desired size, by its first instance type."""
    types = document["instanceTypes"]
    each = INSTANCE_TYPES[types[0]]["VCpuInfo"]["DefaultVCpus"] if types else 2
    return int(each) * int(document["scalingConfig"]["desiredSize"])


def _is_gpu(document: Document) -> bool:
    types = document["instanceTypes"]
    return bool(types) and types[0].split(".")[0].startswith(("g", "vt"))


def _default_ami(types: list[str]) -> str:
    facts = INSTANCE_TYPES.get(types[0], {}) if types else {}
    if "arm64" in facts.get("ProcessorInfo", {}).get("SupportedArchitectures", ()):
        return "AL2023_ARM_64_STANDARD"
    return "AL2023_x86_64_NVIDIA" if "GpuInfo" in facts else "AL2023_x86_64_STANDARD"
