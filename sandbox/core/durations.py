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
    "rds.instance.create": 420,
    "rds.instance.first_backup": 90,
    "rds.instance.notice": 5,  # before a change that was accepted shows in the status
    "rds.instance.modify": 180,
    "rds.instance.upgrade": 600,
    "rds.instance.rename": 60,
    "rds.instance.reset_password": 30,
    "rds.instance.log_exports": 30,
    "rds.instance.storage_optimization": 1800,
    "rds.instance.reboot": 40,
    "rds.instance.start": 240,
    "rds.instance.stop": 180,
    "rds.instance.delete": 150,
    "rds.instance.restore": 480,
    "rds.instance.log_upload": 300,  # how far the latest restorable time is behind
    "rds.replica.create": 480,
    "rds.replica.promote": 240,
    "rds.snapshot.create": 120,
    "rds.snapshot.copy": 180,
    "rds.snapshot.delete": 10,
    "rds.parameters.apply": 20,
    "elasticache.create": 300,
    "elasticache.modify": 180,
    "elasticache.scale": 600,
    "elasticache.replica": 300,
    "elasticache.delete": 180,
    "elasticache.snapshot": 120,
    "elasticache.snapshot.delete": 10,
    "elasticache.failover": 30,
    "elasticache.user": 15,
    "elasticache.user_group": 20,
    "secretsmanager.secret.delete": 5,
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
    "cloudkms.delete": 2,
    # --- Azure ---
    "aks.cluster.create": 300,
    "aks.cluster.update": 90,
    "aks.cluster.delete": 240,
    "aks.agentpool.create": 150,
    "aks.agentpool.update": 60,
    "aks.agentpool.delete": 120,
    "aks.cluster.upgrade": 600,
    "aks.agentpool.upgrade": 300,
    "azure.resource_group.delete": 30,
    "azure.provider.register": 45,
    "azure.principal.replicate": 15,
    "azure.federated_credential.write": 1,
    "azure.vnet.create": 4,
    "azure.vnet.update": 4,
    "azure.vnet.delete": 10,
    "azure.subnet.create": 4,
    "azure.subnet.update": 4,
    "azure.subnet.delete": 10,
    "azure.nsg.create": 3,
    "azure.nsg.update": 3,
    "azure.nsg.delete": 8,
    "azure.security_rule.create": 3,
    "azure.security_rule.update": 3,
    "azure.security_rule.delete": 3,
    "azure.route_table.create": 3,
    "azure.route_table.update": 3,
    "azure.route_table.delete": 5,
    "azure.route.create": 3,
    "azure.route.update": 3,
    "azure.route.delete": 3,
    "azure.public_ip.create": 4,
    "azure.public_ip.update": 4,
    "azure.public_ip.delete": 10,
    "azure.nat_gateway.create": 12,
    "azure.nat_gateway.update": 10,
    "azure.nat_gateway.delete": 12,
    "azure.private_endpoint.create": 30,
    "azure.private_endpoint.update": 30,
    "azure.private_endpoint.delete": 20,
    "azure.private_endpoint_dns.create": 10,
    "azure.private_endpoint_dns.update": 10,
    "azure.private_endpoint_dns.delete": 10,
    "azure.network_interface.create": 4,
    "azure.network_interface.update": 4,
    "azure.network_interface.delete": 8,
    "azure.load_balancer.create": 5,
    "azure.load_balancer.update": 5,
    "azure.load_balancer.delete": 12,
    "azure.network_watcher.create": 2,
    "azure.network_watcher.update": 2,
    "azure.network_watcher.delete": 5,
    "azure.flow_log.create": 8,
    "azure.flow_log.update": 8,
    "azure.flow_log.delete": 8,
    "azure.private_dns_zone.create": 35,
    "azure.private_dns_zone.update": 35,
    "azure.private_dns_zone.delete": 35,
    "azure.private_dns_link.create": 35,
    "azure.private_dns_link.update": 35,
    "azure.private_dns_link.delete": 35,
    "azure.storage_account.create": 20,
    "azure.storage_account.update": 3,
    "azure.storage_account.delete": 3,
    "azure.workspace.create": 25,
    "azure.workspace.update": 20,
    "azure.workspace.delete": 5,
    "azure.key_vault.register_dns": 30,
    "azure.key_vault.purge": 40,
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
