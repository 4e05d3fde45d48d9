"""GKE: one change a call, in the right order, with what others made sent along."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.plan import plan
from module_utils._engine.resource import Observed, Recovery, Status
from module_utils._gcp.client import Cloud
from module_utils._gcp.gke import Cluster, next_version, state_of
from module_utils._gcp.gke_fields import CLUSTER_UPDATES, same_taints
from module_utils._gcp.nodepools import NodePool
from module_utils._gcp.pools import accelerator_of, per_zone, pool_problems
from module_utils._gcp.rest import Request
from module_utils._gcp.windows import maintenance_policy, window_problems
from module_utils._spec.cluster import GcpPool, MaintenanceWindow
from module_utils._spec.cluster import NodePool as Spec
from module_utils._spec.site import Site

CLOUD = Cloud(Site("gcp", "europe-west1", "ml", "p"), SystemClock())
PATH = "projects/p/locations/europe-west1/clusters/c"
BASE: dict[str, Any] = {"version": "1.33.5-gke.1", "resourceLabels": {"x": "1"}, "labelFingerprint": "f"}


def cluster_step(have: dict[str, Any], want: dict[str, Any]) -> Request:
    observed = Observed({**BASE, **have})
    return Cluster(CLOUD, "c").step(observed, want, plan(want, observed.values, Cluster.fields))


def pool_step(have: dict[str, Any], want: dict[str, Any]) -> Request:
    observed = Observed(have)
    pool = NodePool(CLOUD, "n", Cluster(CLOUD, "c"), {})
    return pool.step(observed, want, plan(want, have, NodePool.fields))


def test_labels_go_through_their_own_verb_with_what_others_set() -> None:
    request = cluster_step({}, {"resourceLabels": {"y": "2"}})
    assert (request.method, request.path) == ("POST", f"{PATH}:setResourceLabels")
    assert request.body == {"resourceLabels": {"x": "1", "y": "2"}, "labelFingerprint": "f"}


def test_one_aspect_a_call() -> None:
    want = {"shieldedNodes": {"enabled": True}, "databaseEncryption": {"state": "ENCRYPTED", "keyName": "k"}}
    first = cluster_step({}, want)
    assert first.body == {"update": {"desiredDatabaseEncryption": want["databaseEncryption"]}}
    second = cluster_step({"databaseEncryption": {"state": "ALL_OBJECTS_ENCRYPTION_ENABLED", "keyName": "k"}}, want)
    assert second.body == {"update": {"desiredShieldedNodes": {"enabled": True}}}


def test_nested_and_wrapped_members() -> None:
    private = cluster_step({}, {"networkConfig": {"defaultEnablePrivateNodes": True}})
    assert private.body == {"update": {"desiredDefaultEnablePrivateNodes": True}}
    visible = cluster_step({}, {"networkConfig": {"enableIntraNodeVisibility": True}})
    assert visible.body == {"update": {"desiredIntraNodeVisibilityConfig": {"enabled": True}}}


@pytest.mark.parametrize("path", sorted(CLUSTER_UPDATES))
def test_every_member_can_be_updated(path: str) -> None:
    body: Any = {"anything": "x"}
    for part in reversed(path.split(".")):
        body = {part: body}
    assert CLUSTER_UPDATES[path] in cluster_step({}, body).body["update"]


def test_maintenance_keeps_the_exclusions_that_others_made() -> None:
    have = {"maintenancePolicy": {"resourceVersion": "r", "window": {"maintenanceExclusions": {"holidays": {}}}}}
    request = cluster_step(have, {"maintenancePolicy": {"window": {"dailyMaintenanceWindow": {"startTime": "03:00"}}}})
    assert request.path == f"{PATH}:setMaintenancePolicy"
    assert request.body["maintenancePolicy"] == {
        "resourceVersion": "r",
        "window": {"maintenanceExclusions": {"holidays": {}}, "dailyMaintenanceWindow": {"startTime": "03:00"}},
    }


def test_calico_comes_addon_first_and_goes_policy_first() -> None:
    on = {"networkPolicy": {"enabled": True}, "addonsConfig": {"networkPolicyConfig": {"disabled": False}}}
    off = {"networkPolicy": {"enabled": False}, "addonsConfig": {"networkPolicyConfig": {"disabled": True}}}
    assert "desiredAddonsConfig" in cluster_step(off, on).body["update"]
    assert cluster_step({**off, "addonsConfig": on["addonsConfig"]}, on).path.endswith(":setNetworkPolicy")
    assert cluster_step(on, off).path.endswith(":setNetworkPolicy")


@pytest.mark.parametrize(
    ("present", "wanted", "step"),
    [
        ("1.33.5-gke.1", "1.34", "1.34"),
        ("1.32.5-gke.1", "1.35", "1.33"),
        ("1.33.5-gke.1", "1.33.9", "1.33.9"),
        ("1.33.5-gke.1", "latest", "latest"),
        ("", "1.34", "1.34"),
    ],
)
def test_one_minor_version_at_a_time(present: str, wanted: str, step: str) -> None:
    assert next_version(present, wanted) == step


def test_going_back_is_refused_before_anything_is_touched() -> None:
    observed = Observed(BASE)
    change = plan({"version": "1.32"}, BASE, Cluster.fields)
    assert "never goes back" in Cluster(CLOUD, "c").check_update(observed, change)
    assert Cluster(CLOUD, "c").check_update(observed, plan({"version": "1.34"}, BASE, Cluster.fields)) == ""


def test_protection_guards_what_lives() -> None:
    values = {"resourceLabels": {"deletion-protection": "true"}}
    cluster = Cluster(CLOUD, "c")
    assert "deletion protection is on" in cluster.check_delete(Observed(values))
    assert cluster.check_delete(Observed(values, status=Status.FAILED, recovery=Recovery.RECREATE)) == ""
    assert cluster.check_delete(Observed({"resourceLabels": {"deletion-protection": "false"}})) == ""


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("RUNNING", Status.READY),
        ("PROVISIONING", Status.PENDING),
        ("RECONCILING", Status.PENDING),
        ("STOPPING", Status.DELETING),
        ("ERROR", Status.FAILED),
        ("SOMETHING_NEW", Status.PENDING),
    ],
)
def test_states(word: str, status: Status) -> None:
    assert state_of({"status": word})[0] is status


def test_a_failed_cluster_that_never_lived_is_made_again() -> None:
    cluster = Cluster(CLOUD, "c")
    raw = {"status": "ERROR", "conditions": [{"message": "no capacity"}]}
    assert cluster.status(raw) == (Status.FAILED, "no capacity", Recovery.RECREATE)
    assert cluster.status({**raw, "endpoint": "1.2.3.4"})[2] is Recovery.REPORT


def test_decryption_under_way_is_waited_for() -> None:
    raw = {"status": "RUNNING", "databaseEncryption": {"currentState": "CURRENT_STATE_DECRYPTION_PENDING"}}
    assert Cluster(CLOUD, "c").status(raw)[0] is Status.PENDING


def test_the_machine_changes_as_a_whole() -> None:
    have = {"config": {"machineType": "e2-medium", "diskType": "pd-balanced", "diskSizeGb": 100}}
    request = pool_step(have, {"config": {"machineType": "e2-standard-4", "diskSizeGb": 100}})
    assert request.body == {
        "name": f"{PATH}/nodePools/n",
        "machineType": "e2-standard-4",
        "diskType": "pd-balanced",
        "diskSizeGb": "100",
    }


def test_what_moves_no_node_comes_first() -> None:
    have = {"autoscaling": {"enabled": True, "totalMaxNodeCount": 3}, "config": {"machineType": "a"}}
    want = {"autoscaling": {"enabled": True, "totalMaxNodeCount": 5}, "config": {"machineType": "b"}}
    assert pool_step(have, want).path.endswith("/nodePools/n:setAutoscaling")


def test_googles_own_labels_are_not_sent_back() -> None:
    have = {"config": {"resourceLabels": {"goog-gke-node-pool-provisioning-model": "spot", "theirs": "1"}}}
    request = pool_step(have, {"config": {"resourceLabels": {"site": "a"}}})
    assert request.body["resourceLabels"] == {"labels": {"theirs": "1", "site": "a"}}


GPU = {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}
MINE = {"key": "batch", "value": "yes", "effect": "NO_SCHEDULE"}


@pytest.mark.parametrize(
    ("want", "have", "same"),
    [
        ([MINE], [MINE], True),
        ([MINE], [GPU, MINE], True),
        ([GPU], [GPU], True),
        ([GPU], [], False),
        ([], [MINE], False),
        ([MINE], [{**MINE, "effect": "NO_EXECUTE"}], False),
    ],
)
def test_taints(want: Any, have: Any, same: bool) -> None:
    assert same_taints(want, have) is same


@pytest.mark.parametrize(
    ("nodes", "zones", "most", "each"),
    [(3, 3, 5, 1), (2, 3, 5, 1), (4, 3, 6, 2), (4, 3, 5, 1), (0, 3, 3, 0), (1, 3, 2, 0), (5, 1, 5, 5)],
)
def test_nodes_are_counted_by_zone(nodes: int, zones: int, most: int, each: int) -> None:
    assert per_zone(nodes, zones, most) == each


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (Spec("p", autoscaling=False, node_count=4), "multiple of 3"),
        (Spec("p", gcp=GcpPool(accelerator="nvidia-l4")), "no effect without gpu"),
        (Spec("p", gpu=True, machine_types=("e2-standard-4",)), "cannot carry GPUs"),
        (Spec("p", gpu=True, gpu_count=3), "gpu_count 3"),
        (Spec("p" * 41), "longer than 40"),
    ],
)
def test_pools_that_gke_cannot_make(pool: Spec, words: str) -> None:
    assert any(words in problem for problem in pool_problems(pool, 3))


def test_the_kind_of_gpu() -> None:
    assert accelerator_of(Spec("p", gpu=True, machine_types=("n1-standard-4",))) == "nvidia-tesla-t4"
    assert accelerator_of(Spec("p", gpu=True, machine_types=("g2-standard-8",))) == "nvidia-l4"
    assert accelerator_of(Spec("p", gpu=True, gcp=GcpPool(accelerator="nvidia-tesla-p4"))) == "nvidia-tesla-p4"


@pytest.mark.parametrize(
    ("window", "policy"),
    [
        (MaintenanceWindow("03:00"), {"dailyMaintenanceWindow": {"startTime": "03:00"}}),
        (
            MaintenanceWindow("22:30", ("sunday", "saturday"), 8),
            {
                "recurringWindow": {
                    "window": {"startTime": "2024-01-06T22:30:00Z", "endTime": "2024-01-07T06:30:00Z"},
                    "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
                }
            },
        ),
        (
            MaintenanceWindow("01:00", duration_hours=6),
            {
                "recurringWindow": {
                    "window": {"startTime": "2024-01-01T01:00:00Z", "endTime": "2024-01-01T07:00:00Z"},
                    "recurrence": "FREQ=DAILY",
                }
            },
        ),
    ],
)
def test_windows(window: MaintenanceWindow, policy: dict[str, Any]) -> None:
    assert window_problems(window) == []
    assert maintenance_policy(window) == {"window": policy}


@pytest.mark.parametrize(
    "window", [MaintenanceWindow("01:00", duration_hours=2), MaintenanceWindow("01:00", ("monday",), 4)]
)
def test_windows_that_gke_refuses(window: MaintenanceWindow) -> None:
    assert window_problems(window)
