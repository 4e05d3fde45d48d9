"""Operations that take time, and faults."""

from __future__ import annotations

import time

import pytest
import requests

from tests.sandbox.gcp_support import HOME, NUMBER, PARENT, REGION, Project


def test_compute_operation_goes_through_its_states(gcp: Project) -> None:
    gcp.sandbox.set_profile("realistic", scale=1)
    begun = gcp.compute("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    assert (begun["status"], begun["progress"], "startTime" in begun) == ("PENDING", 0, False)
    gcp.sandbox.advance("gcp", 12)
    half = gcp.operation(begun)
    assert half["status"] == "RUNNING"
    assert 40 <= half["progress"] <= 60
    gcp.sandbox.advance("gcp", 14)
    done = gcp.operation(begun)
    assert (done["status"], done["progress"]) == ("DONE", 100)
    assert done["startTime"] < done["endTime"]


def test_objects_are_not_ready_before_their_operation_is_over(gcp: Project) -> None:
    gcp.sandbox.set_profile("realistic", scale=1)
    gcp.compute("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    subnetwork = {"name": "s", "network": "global/networks/n", "ipCidrRange": "10.0.0.0/24"}
    for method, path, body in (
        ("POST", f"regions/{REGION}/subnetworks", subnetwork),
        ("PATCH", "global/networks/n", {"mtu": 1500}),
        ("DELETE", "global/networks/n", None),
    ):
        status, answer = gcp.call(method, "compute", f"compute/v1/{HOME}/{path}", body)
        assert (status, answer["error"]["errors"][0]["reason"]) == (400, "resourceNotReady")
    gcp.sandbox.advance("gcp", 26)
    gcp.compute("POST", f"regions/{REGION}/subnetworks", subnetwork)


def test_changes_are_seen_when_their_operation_is_over(gcp: Project) -> None:
    gcp.network()
    gcp.sandbox.set_profile("realistic", scale=1)
    path = f"regions/{REGION}/subnetworks/net-nodes"
    gcp.compute("POST", f"{path}/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": True})
    assert gcp.compute("GET", path)["privateIpGoogleAccess"] is False
    gcp.sandbox.advance("gcp", 13)
    assert gcp.compute("GET", path)["privateIpGoogleAccess"] is True


def test_wait_answers_at_the_end(gcp: Project) -> None:
    gcp.sandbox.set_profile("realistic", scale=100)
    start = time.monotonic()
    begun = gcp.compute("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    done = gcp.compute("POST", f"global/operations/{begun['name']}/wait")
    assert done["status"] == "DONE"
    assert 0.2 <= time.monotonic() - start < 2


def test_operations_of_services_and_connections_take_time(gcp: Project) -> None:
    gcp.network()
    body = {"name": "r", "addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": 20}
    gcp.compute("POST", "global/addresses", {**body, "network": "global/networks/net"})
    gcp.sandbox.set_profile("realistic", scale=1)
    enable = f"v1/{HOME}/services/redis.googleapis.com:enable"
    status, begun = gcp.call("POST", "serviceusage", enable, {})
    assert (status, "done" in begun) == (200, False)
    connection = {"network": f"projects/{NUMBER}/global/networks/net", "reservedPeeringRanges": ["r"]}
    path = "v1/services/servicenetworking.googleapis.com/connections"
    _, connecting = gcp.call("POST", "servicenetworking", path, connection)
    assert "peerings" not in gcp.compute("GET", "global/networks/net")
    gcp.sandbox.advance("gcp", 46)
    assert gcp.call("GET", "serviceusage", f"v1/{begun['name']}")[1]["done"] is True
    assert gcp.call("GET", "servicenetworking", f"v1/{connecting['name']}")[1]["done"] is True
    assert gcp.compute("GET", "global/networks/net")["peerings"][0]["state"] == "ACTIVE"


def test_failed_operations(gcp: Project) -> None:
    fault = {"kind": "fail_operation", "code": "QUOTA_EXCEEDED", "message": "Quota.", "status": 403}
    gcp.sandbox.fault("gcp", operation="^compute.networks.insert$", **fault)
    network = {"name": "n", "autoCreateSubnetworks": False}
    done = gcp.operation(gcp.compute("POST", "global/networks", network))
    assert (done["status"], done["httpErrorStatusCode"], done["httpErrorMessage"]) == ("DONE", 403, "FORBIDDEN")
    assert done["error"] == {"errors": [{"code": "QUOTA_EXCEEDED", "message": "Quota."}]}
    assert gcp.call("GET", "compute", f"compute/v1/{HOME}/global/networks/n")[0] == 404
    gcp.compute("POST", "global/networks", network)
    gcp.sandbox.fault("gcp", operation="^compute.networks.patch$", kind="fail_operation")
    gcp.compute("PATCH", "global/networks/n", {"routingConfig": {"routingMode": "GLOBAL"}})
    assert gcp.compute("GET", "global/networks/n")["routingConfig"]["routingMode"] == "REGIONAL"
    gcp.sandbox.fault("gcp", operation="services.enable", kind="fail_operation", code="INTERNAL", message="Down.")
    _, begun = gcp.call("POST", "serviceusage", f"v1/{HOME}/services/redis.googleapis.com:enable", {})
    _, done = gcp.call("GET", "serviceusage", f"v1/{begun['name']}")
    assert done["error"] == {"code": 13, "message": "Down."}
    _, service = gcp.call("GET", "serviceusage", f"v1/{HOME}/services/redis.googleapis.com")
    assert service["state"] == "DISABLED"


@pytest.mark.parametrize(
    ("rule", "status", "word"),
    [
        ({"kind": "throttle"}, 429, "RESOURCE_EXHAUSTED"),
        ({"kind": "throttle", "status": 403}, 403, "RESOURCE_EXHAUSTED"),
        ({"kind": "error"}, 503, "UNAVAILABLE"),
        ({"kind": "error", "status": 500}, 500, "INTERNAL"),
        ({"kind": "error", "status": 409, "code": "ABORTED"}, 409, "ABORTED"),
    ],
)
def test_injected_answers(gcp: Project, rule: dict[str, object], status: int, word: str) -> None:
    gcp.sandbox.fault("gcp", operation="clusters.list", **rule)
    got, answer = gcp.call("GET", "container", f"v1/{PARENT}/clusters")
    assert (got, answer["error"]["code"], answer["error"]["status"]) == (status, status, word)
    assert answer["error"]["errors"][0]["reason"]
    assert gcp.call("GET", "container", f"v1/{PARENT}/clusters")[0] == 200


def test_answer_lost_after_the_deed(gcp: Project) -> None:
    gcp.sandbox.fault("gcp", operation="networks.insert", kind="drop_after")
    with pytest.raises(requests.ConnectionError):
        gcp.compute("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    assert gcp.compute("GET", "global/networks/n")["name"] == "n"
    gcp.sandbox.fault("gcp", operation="networks.delete", kind="drop")
    with pytest.raises(requests.ConnectionError):
        gcp.compute("DELETE", "global/networks/n")
    assert gcp.compute("GET", "global/networks/n")["name"] == "n"


def test_reset_leaves_a_fresh_project_and_good_tokens(gcp: Project) -> None:
    gcp.network()
    token = gcp.credentials.token
    gcp.sandbox.reset("gcp")
    assert [item["name"] for item in gcp.compute("GET", "global/networks")["items"]] == ["default"]
    assert gcp.credentials.token == token


def test_reads_are_quick(gcp: Project) -> None:
    gcp.cluster()
    gcp.gke("GET", "/main")
    start = time.monotonic()
    for _ in range(50):
        gcp.gke("GET", "/main")
    assert (time.monotonic() - start) / 50 < 0.03
