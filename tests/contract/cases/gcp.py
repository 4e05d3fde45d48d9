"""The kinds of Google Cloud, taken out of the builders that users get them from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from google.oauth2 import service_account
from googleapiclient.discovery import build as discover
from module_utils._engine.resource import Resource
from module_utils._spec.cluster import Access, Cluster, GcpCluster, MaintenanceWindow, NodePool, Taint
from module_utils._spec.network import GcpNetwork, Network, Peering
from module_utils._spec.object_store import Bucket, LifecycleRule, ObjectStore

from sandbox.core.connection import GCP_PROJECT
from tests.contract.harness import Case, Environment, Variant, pick

VERSIONS = {
    "compute": "v1",
    "container": "v1",
    "iam": "v1",
    "cloudkms": "v1",
    "storage": "v1",
    "secretmanager": "v1",
    "sqladmin": "v1",
    "servicenetworking": "v1",
    "artifactregistry": "v1",
    "networkconnectivity": "v1",
    "redis": "v1",
}
PATHS = {"compute": "compute/v1/", "storage": "storage/v1/"}  # what stands between the host and the method
BASE = "contract-gcp-test"


@lru_cache
def client(url: str, key_file: str, api: str) -> Any:
    """Google's own client, unmodified."""
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(key_file, scopes=scopes)
    options = {"api_endpoint": f"{url}/{api}/{PATHS.get(api, '')}"}
    return discover(api, VERSIONS[api], credentials=credentials, client_options=options, cache_discovery=False)


def ask(environment: Environment, api: str) -> Any:
    world: Any = environment.world
    key_file = world.sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
    return client(world.sandbox.url("gcp"), key_file, api)


def compute(collection: str, *, name: str = BASE, **place: str) -> Callable[[Environment], int]:
    """How many objects of a compute collection have names of ours."""

    def count(environment: Environment) -> int:
        api = getattr(ask(environment, "compute"), collection)()
        items = api.list(project=GCP_PROJECT, **place).execute().get("items", [])
        return sum(item["name"].startswith(name) for item in items)

    return count


def regional(environment: Environment) -> str:
    return str(environment.site.region)


REGION = {"region": "europe-west3"}

# -- network -----------------------------------------------------------------------------------------------------------


def network(environment: Environment, **options: Any) -> Any:
    gcp = GcpNetwork(**options.pop("gcp", {}))
    spec = Network(addresses={environment.site.name: "1"}, gcp=gcp, **options)
    return environment.driver.network(spec.resolve(environment.site))


def of_network(kind: str, name: str = "") -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(network(environment, **options), kind, name)]


def peering(environment: Environment, cidr: str = "172.16.0.0/16", other: str = "default") -> Sequence[Resource]:
    built = network(environment, peerings=(Peering("office", other, (cidr,)),))
    return [pick(built, "gcp.compute.network_peering")]


def peer_rule(environment: Environment, cidr: str = "172.16.0.0/16") -> Sequence[Resource]:
    built = network(environment, peerings=(Peering("office", "default", (cidr,)),))
    return [pick(built, "gcp.compute.firewall", "allow-peer-office")]


def count_peerings(environment: Environment) -> int:
    api = ask(environment, "compute").networks()
    items = api.list(project=GCP_PROJECT).execute()["items"]
    return sum(item["name"] == f"{BASE}-office" for net in items for item in net.get("peerings", []))


def count_connections(environment: Environment) -> int:
    api = ask(environment, "compute").networks()
    items = api.list(project=GCP_PROJECT).execute()["items"]
    return sum(item["name"] == "servicenetworking-googleapis-com" for net in items for item in net.get("peerings", []))


NETWORK = [
    Case(
        "network",
        of_network("gcp.compute.network"),
        updates=[Variant({"gcp": {"routing_mode": "GLOBAL"}}, ("routingConfig.routingMode",))],
        immutable=[Variant({"gcp": {"mtu": 8896}}, ("mtu",))],
        count=compute("networks"),
        operation="^compute.networks.insert$",
    ),
    Case(
        "subnetwork",
        of_network("gcp.compute.subnetwork"),
        updates=[
            Variant({"flow_logs": True}, ("logConfig",)),
            Variant({"gcp": {"flow_logs_sampling": 0.1}}, ("logConfig.flowSampling",)),
            Variant({"flow_logs": False, "gcp": {}}, ("logConfig.enable",)),
        ],
        immutable=[Variant({"platform_cidr": "172.0.0.0/8"}, ("ipCidrRange",))],
        count=compute("subnetworks", **REGION),
        operation="^compute.subnetworks.insert$",
    ),
    Case(
        "router",
        of_network("gcp.compute.router"),
        updates=[
            Variant({"gcp": {"nat_addresses": 2}}, ("nats",), also=("gcp.compute.address",)),
            Variant({"gcp": {"nat_addresses": 1}}, ("nats",), also=("gcp.compute.address",)),
        ],
        count=compute("routers", **REGION),
        operation="^compute.routers.insert$",
    ),
    Case(
        "nat-address",
        lambda environment: [pick(network(environment, gcp={"nat_addresses": 1}), "gcp.compute.address", "nat-1")],
        no_updates="labels follow the site, everything else is fixed",
        count=compute("addresses", **REGION),
        operation="^compute.addresses.insert$",
    ),
    Case(
        "managed-range",
        of_network("gcp.compute.global_address"),
        no_updates="labels follow the site, everything else is fixed",
        immutable=[Variant({"platform_cidr": "172.0.0.0/8"}, ("address",))],
        count=compute("globalAddresses"),
        operation="^compute.globalAddresses.insert$",
    ),
    Case(
        "service-connection",
        of_network("gcp.servicenetworking.connection"),
        no_updates="its range follows the site",
        count=count_connections,
        operation="^servicenetworking.services.connections.patch$",
    ),
    Case(
        "firewall",
        of_network("gcp.compute.firewall", "allow-data"),
        updates=[
            Variant({"data_ports": (5432, 6379, 3306)}, ("allowed",)),
            Variant({"data_ports": (3306,)}, ("allowed",)),
        ],
        count=compute("firewalls"),
        operation="^compute.firewalls.insert$",
    ),
    Case(
        "peer-firewall",
        peer_rule,
        updates=[Variant({"cidr": "172.17.0.0/16"}, ("sourceRanges",))],
        count=compute("firewalls"),
    ),
    Case(
        "peering",
        peering,
        no_updates="routes are exchanged, always",
        immutable=[Variant({"other": "projects/elsewhere/global/networks/default"}, ("network",))],
        count=count_peerings,
    ),
]

# -- cluster -----------------------------------------------------------------------------------------------------------


def cluster(environment: Environment, **options: Any) -> Any:
    gcp = GcpCluster(**options.pop("gcp", {}))
    spec = Cluster(**{"allowed_cidrs": ("198.51.100.0/24",), "gcp": gcp, **options}).resolve(environment.site)
    net = Network(addresses={environment.site.name: "1"}).resolve(environment.site)
    return environment.driver.cluster(spec, net, environment.driver.network(net))


def of_cluster(kind: str, name: str = "", **fixed: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(cluster(environment, **{**fixed, **options}), kind, name)]


def pool(environment: Environment, **options: Any) -> Sequence[Resource]:
    """A pool beside the one that comes with the cluster."""
    made = NodePool("batch", **{"node_count": 3, "min_size": 0, "max_size": 6, **options})
    return [pick(cluster(environment, node_pools=(NodePool("general"), made)), "gcp.container.node_pool", "batch")]


def fixed_pool(environment: Environment, node_count: int = 3) -> Sequence[Resource]:
    made = NodePool("fixed", autoscaling=False, node_count=node_count)
    return [pick(cluster(environment, node_pools=(NodePool("general"), made)), "gcp.container.node_pool", "fixed")]


def gpu_pool(environment: Environment, **options: Any) -> Sequence[Resource]:
    made = NodePool("cards", gpu=True, **options)
    return [pick(cluster(environment, node_pools=(NodePool("general"), made)), "gcp.container.node_pool", "cards")]


def clusters(environment: Environment) -> list[dict[str, Any]]:
    parent = f"projects/{GCP_PROJECT}/locations/{environment.site.region}"
    api = ask(environment, "container").projects().locations().clusters()
    found: list[dict[str, Any]] = api.list(parent=parent).execute().get("clusters", [])
    return found


def count_pools(name: str) -> Callable[[Environment], int]:
    def count(environment: Environment) -> int:
        return sum(each["name"] == name for found in clusters(environment) for each in found.get("nodePools", []))

    return count


def count_accounts(environment: Environment) -> int:
    api = ask(environment, "iam").projects().serviceAccounts()
    accounts = api.list(name=f"projects/{GCP_PROJECT}").execute().get("accounts", [])
    return sum(account["email"].startswith("contract-gcp") for account in accounts)


def count_keys(environment: Environment) -> int:
    """Keys that can encrypt: what is left of a deleted key stays for ever."""
    parent = f"projects/{GCP_PROJECT}/locations/{environment.site.region}/keyRings/{BASE}"
    keys = ask(environment, "cloudkms").projects().locations().keyRings().cryptoKeys()
    rings = ask(environment, "cloudkms").projects().locations().keyRings()
    if parent not in [
        ring["name"] for ring in rings.list(parent=parent.rpartition("/keyRings")[0]).execute().get("keyRings", [])
    ]:
        return 0
    found = keys.list(parent=parent).execute().get("cryptoKeys", [])
    return sum(each.get("primary", {}).get("state") == "ENABLED" for each in found)


_IP = "controlPlaneEndpointsConfig.ipEndpointsConfig"
_WEEKEND = MaintenanceWindow("02:30", ("saturday", "sunday"), 8)

CLUSTER = [
    Case(
        "cluster",
        of_cluster("gcp.container.cluster"),
        updates=[
            Variant({"deletion_protection": True}, ("resourceLabels.deletion-protection",)),
            Variant({"deletion_protection": False}, ("resourceLabels.deletion-protection",)),
            Variant({"allowed_cidrs": ("198.51.100.0/24", "203.0.113.0/24")}, (f"{_IP}.authorizedNetworksConfig",)),
            Variant({"endpoint": "private"}, (f"{_IP}.enablePublicEndpoint",)),
            Variant({"upgrade_channel": "stable"}, ("releaseChannel.channel",)),
            Variant({"maintenance_window": MaintenanceWindow("03:00")}, ("maintenancePolicy",)),
            Variant({"maintenance_window": _WEEKEND}, ("maintenancePolicy",)),
            Variant({"control_plane_logs": ("api", "scheduler")}, ("loggingConfig", "monitoringConfig")),
            Variant({"gcp": {"managed_prometheus": False}}, ("monitoringConfig.managedPrometheusConfig",)),
            Variant(
                {"gcp": {"managed_prometheus": False, "filestore_csi": True}},
                ("addonsConfig.gcpFilestoreCsiDriverConfig",),
            ),
            Variant(
                {"secrets_encryption": True},
                ("databaseEncryption",),
                also=("gcp.kms.key", "gcp.kms.iam_member"),
            ),
        ],
        immutable=[Variant({"gcp": {"dataplane_v2": False}}, ("networkConfig.datapathProvider",))],
        count=lambda environment: len(clusters(environment)),
        operation="^container.projects.locations.clusters.create$",
        failed="converges",
    ),
    Case(
        "cluster-calico",
        of_cluster("gcp.container.cluster", gcp={"dataplane_v2": False}, network_policy=False),
        updates=[Variant({"network_policy": True}, ("addonsConfig.networkPolicyConfig", "networkPolicy"))],
        count=lambda environment: len(clusters(environment)),
        skip=dict.fromkeys(("lost_answers", "faults", "killed", "killed_deletion"), "the plain cluster tells"),
    ),
    Case(
        "pool",
        pool,
        updates=[
            Variant({"max_size": 9}, ("autoscaling.totalMaxNodeCount",)),
            Variant({"labels": {"tier": "batch"}}, ("config.labels",)),
            Variant({"taints": (Taint("batch", "yes"),)}, ("config.taints",)),
            Variant({"max_surge": 2, "max_unavailable": 1}, ("upgradeSettings",)),
            Variant({"machine_types": ("e2-standard-4",)}, ("config.machineType",)),
            Variant({"disk_size_gb": 200}, ("config.diskSizeGb",)),
            Variant({"zones": ("europe-west3-a", "europe-west3-b")}, ("locations",)),
        ],
        immutable=[Variant({"spot": False}, ("config.spot",))],
        count=count_pools("batch"),
        operation="^container.projects.locations.clusters.nodePools.create$",
        named=False,
    ),
    Case(
        "pool-fixed",
        fixed_pool,
        updates=[Variant({"node_count": 6}, ("initialNodeCount",))],
        count=count_pools("fixed"),
        named=False,
        skip=dict.fromkeys(("lost_answers", "faults", "killed", "killed_deletion"), "the plain pool tells"),
    ),
    Case(
        "pool-gpu",
        gpu_pool,
        updates=[Variant({"max_size": 2}, ("autoscaling.totalMaxNodeCount",))],
        immutable=[Variant({"spot": True}, ("config.spot",))],
        count=count_pools("cards"),
        operation="^container.projects.locations.clusters.nodePools.create$",
        named=False,
    ),
    Case(
        "service-account",
        of_cluster("gcp.iam.service_account"),
        no_updates="its name and ownership follow the site",
        count=count_accounts,
    ),
    Case(
        "node-roles",
        of_cluster("gcp.project.iam_member"),
        no_updates="the roles that nodes need do not vary",
        named=False,
    ),
    Case(
        "access",
        lambda environment, role="view": [
            pick(
                cluster(environment, access=(Access("group:team@example.com", role),)),
                "gcp.project.iam_member",
                "team",
            )
        ],
        updates=[Variant({"role": "admin"}, ("roles",))],
        named=False,
    ),
    Case(
        "key",
        of_cluster("gcp.kms.key", secrets_encryption=True),
        no_updates="its rotation is fixed, its labels follow the site",
        count=count_keys,
    ),
    Case(
        "key-grant",
        of_cluster("gcp.kms.iam_member", secrets_encryption=True),
        no_updates="one role for one agent",
        named=False,
    ),
]

# -- object store ------------------------------------------------------------------------------------------------------


def store(environment: Environment, **options: Any) -> Any:
    spec = ObjectStore((Bucket("data", **options),)).resolve(environment.site)
    return environment.driver.object_store(spec)


def bucket(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(store(environment, **options), "gcp.storage.bucket", "data")]


def count_buckets(name: str) -> Callable[[Environment], int]:
    def count(environment: Environment) -> int:
        items = ask(environment, "storage").buckets().list(project=GCP_PROJECT).execute().get("items", [])
        return sum(item["name"].startswith(f"{BASE}-{name}") for item in items)

    return count


_AGED = (LifecycleRule("aged", transition_to="archive", transition_after_days=30, expire_after_days=365),)

STORE = [
    Case(
        "bucket",
        bucket,
        updates=[
            Variant({"lifecycle_rules": _AGED}, ("lifecycle.rule",)),
            Variant({"lifecycle_rules": ()}, ("lifecycle.rule",)),
            Variant(
                {"access_logs": False}, ("logging.logBucket",), also=("gcp.storage.bucket", "gcp.storage.iam_member")
            ),
            Variant({"versioning": False}, ("versioning.enabled",)),
            Variant({"retention_days": 3}, ("retentionPolicy",)),
            Variant({"retention_days": None}, ("retentionPolicy.retentionPeriod",)),
            Variant({"soft_delete_days": 0}, ("softDeletePolicy.retentionDurationSeconds",)),
            Variant({"soft_delete_days": 14}, ("softDeletePolicy.retentionDurationSeconds",)),
        ],
        count=count_buckets("data"),
    ),
    Case(
        "bucket-key",
        lambda environment, **options: bucket(environment, access_logs=False, **{"encryption": "customer", **options}),
        updates=[Variant({"encryption": "provider"}, ("encryption.defaultKmsKeyName",))],
        count=count_buckets("data"),
        skip=dict.fromkeys(("life",), "what is encrypted stays so, and its key with it"),
    ),
    Case(
        "log-writer",
        lambda environment: [pick(store(environment), "gcp.storage.iam_member")],
        no_updates="one role for one group",
        named=False,
    ),
]

CASES = [*NETWORK, *CLUSTER, *STORE]
