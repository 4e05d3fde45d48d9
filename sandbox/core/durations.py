"""How long the real clouds take, in seconds, per operation.

Typical values, rounded. Every emulated cloud has its own section.
"""

from __future__ import annotations

from dataclasses import dataclass

DURATIONS: dict[str, float] = {
    # --- AWS ---
    "eks.cluster.create": 540,
    "eks.cluster.delete": 150,
    "eks.cluster.update_config": 120,
    "eks.cluster.update_version": 540,
    "eks.cluster.associate_encryption": 600,
    "eks.nodegroup.create": 180,
    "eks.nodegroup.join_timeout": 1200,  # how long nodes may take to become ready before their group is given up
    "eks.nodegroup.delete": 180,
    "eks.nodegroup.update_config": 30,
    "eks.nodegroup.update_version": 300,
    "eks.addon.create": 30,
    "eks.addon.update": 30,
    "eks.addon.delete": 15,
    "nat.create": 90,
    "nat.delete": 60,
    "vpc_endpoint.create": 15,
    "vpc_endpoint.delete": 15,
    "iam.role.assumable": 8,
    # --- GCP ---
    "gke.cluster.create": 360,
    "gke.cluster.update": 60,
    "gke.cluster.delete": 240,
    "gke.nodepool.create": 120,
    "gke.nodepool.update": 60,
    "gke.nodepool.delete": 120,
    "gke.master.upgrade": 480,
    "gke.nodes.upgrade": 300,
    "gce.network.insert": 25,
    "gce.network.update": 10,
    "gce.network.delete": 30,
    "gce.subnetwork.insert": 15,
    "gce.subnetwork.update": 12,
    "gce.subnetwork.delete": 15,
    "gce.router.insert": 6,
    "gce.router.update": 12,
    "gce.router.delete": 8,
    "gce.firewall.insert": 8,
    "gce.firewall.update": 8,
    "gce.firewall.delete": 8,
    "gce.route.insert": 10,
    "gce.route.update": 10,
    "gce.route.delete": 10,
    "gce.address.insert": 4,
    "gce.address.update": 3,
    "gce.address.delete": 4,
    "serviceusage.enable": 20,
    "serviceusage.disable": 10,
    "servicenetworking.connect": 45,
    "servicenetworking.disconnect": 45,
    # --- Azure ---
    "aks.cluster.create": 300,
    "aks.cluster.update": 90,
    "aks.cluster.delete": 240,
    "aks.agentpool.create": 150,
    "aks.agentpool.update": 60,
    "aks.agentpool.delete": 120,
}


@dataclass
class Profile:
    """Time profile: ``instant`` (every operation is over at once) or ``realistic`` (real seconds / ``scale``)."""

    name: str = "instant"
    scale: float = 60.0

    def __post_init__(self) -> None:
        self.set(self.name, self.scale)

    def set(self, name: str, scale: float) -> None:
        """Switch the profile; operations already running keep the end they were given."""
        if name not in ("instant", "realistic"):
            raise ValueError(f"unknown time profile {name!r}: instant or realistic")
        if not scale > 0:
            raise ValueError("scale must be greater than 0")
        self.name = name
        self.scale = float(scale)

    def seconds(self, operation: str) -> float:
        """Seconds that ``operation`` (a key of DURATIONS) takes in this profile."""
        real = DURATIONS[operation]
        return 0.0 if self.name == "instant" else real / self.scale
