"""Recorded traffic of the real Google Cloud, replayed against the emulated project.

Status and shape (which paths are there, with which type) of every answer are compared with the real answer.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.sandbox.gcp_replay import Replay, load
from tests.sandbox.gcp_support import HOME, Project

RECORDINGS = Path(os.environ.get("RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")
KINDS = (
    *("compute_network", "compute_computenetworks", "compute_subnetwork", "compute_computesubnets", "compute_router"),
    *("compute_routernat", "compute_firewall", "compute_address", "compute_computeaddresses", "compute_computezones"),
    *("servicenetworking_connection", "container_cluster", "container_clusters", "container_nodepool"),
    *("storage_bucket", "iam_serviceaccount", "iam_serviceaccountpolicy", "iam_projectpolicy"),
    *("kms_keyring", "kms_cryptokey", "sql_instance", "sql_database", "sql_user", "memorystore_instance"),
    *("secretmanager_secret", "secretmanager_secretversion", "artifactregistry_repository"),
)
SERVICES = ("artifactregistry", "memorystore", "secretmanager", "sqladmin")
# Exchanges that are left out: recording -> (numbers, reason).
LEFT_OUT: dict[str, tuple[range, str]] = {
    "compute_subnetwork__reservedinternalrange": (range(13, 21), "the range lives in Network Connectivity"),
    "memorystore_instance__full": (range(40, 55), "someone's firewalls kept the network in use for a while"),
    "iam_projectpolicy__partialpolicy": (range(4), "makes a project of its own; the sandbox has one"),
}
# Differences that are accepted: (recording, what differs, reason). Both are regular expressions.
ACCEPTED: list[tuple[str, str, str]] = [
    (
        "compute_(address|computenetworks|computesubnets|routernat__full)",
        r"subnetworks.*\.state: absent",
        "only unattributed recordings print READY; on the real cloud only subnetworks of load balancers have a state",
    ),
    ("compute_computenetworks", r"global/routes: \.items", "the recorded filter names the network by its real name"),
    (
        "compute_routernat__private",
        r"\[56\] DELETE .* status 200, recorded 400",
        "the real operation was still under way; with instant operations it is over",
    ),
    (
        "(servicenetworking|sql)_",
        r"global/addresses.*\.labels",
        "labels of a global address are ignored at creation on GCP",
    ),
    (
        "container_clusters__gcloud",
        r"\.(clusterTelemetry|protectConfig)",
        "v1beta1 fields in an unattributed v1 answer",
    ),
    (
        "container_nodepool__subnetworkref",
        r"\[28\] GET .*\.secondaryIpRanges",
        "read while the cluster was being deleted; with instant operations it is gone",
    ),
    (
        "kms_cryptokey|secretmanager|artifactregistry|memorystore",
        r"string, recorded number",
        "the recorder asked for enums as numbers, as protobuf clients do",
    ),
    (
        "storage_bucket__autoclass.jsonl",
        r"PATCH .*\.(acl|defaultObjectAcl|owner)",
        "unattributed; a bucket with uniform access has no ACL",
    ),
    ("storage_bucket", r"/o: \.prefixes", "unattributed: the recording's mock lists folders in every bucket"),
    (
        "iam_projectpolicy|sql_instance",
        r"GET v1/projects/sandbox-project: \.(labels|parent)",
        "the recorded project is in an organisation",
    ),
    (
        "sql_instance__(encryptionkey|postgres_full)_recordgcp2024",
        r"global/addresses/.*: \.(description|networkTier|endTime)",
        "answers of compute's beta, though v1 was asked",
    ),
    ("sql_", r"iamStatus: absent", "only unattributed recordings print it for users of no IAM"),
    ("sql_database", r"\.error\.status: absent", "unattributed; attributed errors of Cloud SQL have no status"),
    (
        "sql_instance__replica",
        r"users: \.items\[\]",
        "users of a replica of MySQL, which the sandbox shares with its primary",
    ),
    ("sql_instance__replicationcluster", r"binaryLogEnabled: absent", "unattributed, and nobody asked for it"),
    ("iam_projectpolicy", r"DELETE v1/projects/sandbox-project: status 501", "the sandbox's project stays"),
]
# Where several objects share a placeholder and the traffic does not tell which one is meant.
MEANT: dict[str, dict[int, tuple[str, int]]] = {
    "container_cluster__additional_ip_ranges": {
        17: ("subnetworkID", 1),
        19: ("subnetworkID", 2),
        30: ("subnetworkID", 3),
    },
}


def _files() -> list[Path]:
    found = sorted((RECORDINGS / "gcp").glob("*.jsonl"))
    # Recordings of Cloud Custodian (c7n) have answers only: nothing to replay.
    return [file for file in found if file.name.partition("__")[0] in KINDS and "__c7n" not in file.name]


_used: set[int] = set()
_replayed: set[str] = set()


def _accepted(file: Path, problem: str) -> bool:
    hits = [
        index
        for index, (name, what, _) in enumerate(ACCEPTED)
        if re.search(name, file.name) and re.search(what, problem)
    ]
    _used.update(hits)
    return bool(hits)


def _prepare(project: Project, file: Path, number: int) -> None:
    """What happened behind the back of the recorded client."""
    if file.stem == "compute_routernat__private" and number == 54:
        body = {
            "name": "left-by-someone",
            "network": f"{HOME}/global/networks/network-1",
            "allowed": [{"IPProtocol": "tcp"}],
        }
        project.compute("POST", "global/firewalls", body)
    if file.stem == "sql_instance__encryptionkey_recordgcp2024" and number == 0:
        # The recorded client's own account, which the project's policy names.
        project.call("POST", "iam", f"v1/{HOME}/serviceAccounts", {"accountId": "cnrm-system"})
    if file.stem == "compute_routernat__private" and number == 75:
        project.compute("DELETE", "global/firewalls/left-by-someone")


@pytest.mark.skipif(not _files(), reason="no recorded traffic here: set RECORDINGS")
@pytest.mark.parametrize("file", _files(), ids=lambda file: file.stem)
def test_answers_as_the_real_cloud_did(gcp: Project, file: Path) -> None:
    for name in SERVICES:
        gcp.call("POST", "serviceusage", f"v1/{HOME}/services/{name}.googleapis.com:enable", {})
    replay = Replay(gcp)
    left_out = LEFT_OUT.get(file.stem, (range(0), ""))[0]
    for number, exchange in enumerate(load(file)):
        if exchange.api not in gcp.endpoints or "instanceGroupManagers" in exchange.url or number in left_out:
            continue
        # Of Network Connectivity the sandbox serves what Memorystore needs.
        if exchange.api == "networkconnectivity" and not file.stem.startswith("memorystore"):
            continue
        if number in MEANT.get(file.stem, {}):
            replay.names.speak_of(*MEANT[file.stem][number])
        _prepare(gcp, file, number)
        replay.run(number, exchange)
    assert replay.compared > 0
    _replayed.add(file.stem)
    unexpected = [problem for problem in replay.problems if not _accepted(file, problem)]
    assert not unexpected, "\n".join(unexpected[:30])


def test_every_accepted_difference_is_still_there() -> None:
    if _replayed != {file.stem for file in _files()}:
        pytest.skip("not all recordings were replayed in this run")
    if not _replayed:
        pytest.skip("no recorded traffic here: set RECORDINGS")
    stale = [ACCEPTED[index] for index in range(len(ACCEPTED)) if index not in _used]
    assert not stale


@pytest.mark.skipif(not _files(), reason="no recorded traffic here: set RECORDINGS")
def test_real_server_config_has_our_shape(gcp: Project) -> None:
    file = RECORDINGS / "gcp" / "container_cluster__c7n_gke_cluster_filter_server_config.jsonl"
    real = load(file)[1].answer
    status, mine = gcp.call("GET", "container", f"v1/{HOME}/locations/us-central1/serverConfig")
    assert status == 200
    assert set(real) <= set(mine)
    assert {item["channel"] for item in real["channels"]} <= {item["channel"] for item in mine["channels"]}
    assert set(real["channels"][0]) <= set(mine["channels"][0])
