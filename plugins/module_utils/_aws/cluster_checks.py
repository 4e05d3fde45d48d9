# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portable cluster asks for that EKS cannot do, and what to write instead. Pure."""

from __future__ import annotations

import re

from .._spec.cluster import Cluster, NodePool
from .client import Session
from .logs import retention_problem
from .nodegroups import is_arm

_ARN = re.compile(r"^arn:aws[a-z-]*:")


def problems(spec: Cluster, session: Session) -> list[str]:
    """Problems as sentences, each naming the option."""
    found = [
        *_control_plane(spec),
        *_identity(spec),
        *_addons(spec),
        *(problem for pool in spec.node_pools or () if pool.state == "present" for problem in _pool(pool, session)),
    ]
    if spec.control_plane_logs:
        found.append(retention_problem("cluster.log_retention_days", spec.log_retention_days or 0))
    return [problem for problem in found if problem]


def _control_plane(spec: Cluster) -> list[str]:
    found = []
    if spec.version and not re.fullmatch(r"1\.\d+", spec.version):
        short = ".".join(spec.version.split(".")[:2])
        found.append(f"cluster.version: EKS takes minor versions and patches them itself. Write version: '{short}'.")
    if spec.upgrade_channel not in (None, "none"):
        found.append(
            f"cluster.upgrade_channel: EKS has no release channels, {spec.upgrade_channel} has no effect there. Write "
            "upgrade_channel: none and set `version`; what happens at the end of standard support is "
            "cluster.aws.support_type (STANDARD upgrades, EXTENDED stays)."
        )
    if spec.maintenance_window:
        found.append(
            "cluster.maintenance_window: EKS has no maintenance windows. Leave it out on AWS: nodes and versions "
            "change only when a run changes them, so run the playbook in your window."
        )
    for option, value in (
        ("encryption_key", spec.encryption_key),
        ("aws.role_arn", spec.aws.role_arn),
        ("aws.node_role_arn", spec.aws.node_role_arn),
    ):
        if value and not _ARN.match(value):
            found.append(f"cluster.{option}: {value!r} is not an ARN (arn:aws:...).")
    if spec.encryption_key and not spec.secrets_encryption:
        found.append("cluster.encryption_key has no effect without secrets_encryption: true. Set it.")
    for item in spec.access or ():
        if not _ARN.match(item.principal):
            found.append(f"cluster.access: {item.principal!r} is not the ARN of an IAM user or role.")
    principals = [item.principal for item in spec.access or ()]
    for principal in sorted({name for name in principals if principals.count(name) > 1}):
        found.append(f"cluster.access: {principal} is named twice. Give it one role.")
    return found


def _identity(spec: Cluster) -> list[str]:
    if spec.workload_identity:
        return []
    return [
        f"cluster.aws.{option}: it gets its permissions by workload identity. Set workload_identity: true, or "
        f"{option}: false."
        for option in ("load_balancer_controller", "cluster_autoscaler")
        if getattr(spec.aws, option)
    ]


def _addons(spec: Cluster) -> list[str]:
    listed = [item.name for item in spec.aws.addons or ()]
    found = [
        f"cluster.aws.addons: {name} is named twice." for name in sorted({n for n in listed if listed.count(n) > 1})
    ]
    for item in spec.aws.addons or ():
        if item.state == "absent" and (item.version or item.configuration):
            found.append(
                f"cluster.aws.addons.{item.name}: version and configuration have no effect with state: absent."
            )
        if item.name == "eks-pod-identity-agent" and item.state == "absent" and spec.workload_identity:
            found.append("cluster.aws.addons.eks-pod-identity-agent: workload_identity: true needs it. Leave it in.")
        if item.name == "vpc-cni" and item.state == "absent" and spec.network_policy:
            found.append("cluster.aws.addons.vpc-cni: network_policy: true is carried out by it. Leave it in.")
    return found


def _pool(pool: NodePool, session: Session) -> list[str]:
    where, found = f"cluster.node_pools.{pool.name}", []
    if len(pool.name) > 63:
        found.append(f"{where}: the name may have 63 characters at most.")
    if pool.max_surge:
        found.append(
            f"{where}.max_surge: EKS decides itself how many nodes it adds while it updates. Leave max_surge out, or "
            "write max_surge: 0 for no additional nodes, and say with max_unavailable how many are updated at once."
        )
    if pool.max_unavailable == 0:
        found.append(
            f"{where}.max_unavailable: EKS updates at least one node at once. Leave it out or write 1 or more."
        )
    if pool.gpu and pool.gpu_count != 1:
        found.append(
            f"{where}.gpu_count: on AWS the machine type decides how many GPUs a node has. Name one with "
            f"{pool.gpu_count} in machine_types (g4dn.12xlarge has 4) and leave gpu_count out."
        )
    if pool.aws.ami_type == "CUSTOM":
        found.append(
            f"{where}.aws.ami_type: CUSTOM needs an image of your own, which is not offered. Name another type."
        )
    if pool.zones and pool.aws.subnet_ids:
        found.append(f"{where}: zones and aws.subnet_ids both say where nodes go. Remove one of them.")
    found += [
        f"{where}.zones: {zone} is not a zone of {session.region}."
        for zone in pool.zones or ()
        if not zone.startswith(session.region)
    ]
    if len({is_arm(name) for name in pool.machine_types or ()}) > 1:
        found.append(f"{where}.machine_types: Arm and x86 machines cannot share a pool. Make a pool of each.")
    return found
