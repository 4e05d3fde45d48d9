"""Networks and what belongs to them, through Google's own clients."""

from __future__ import annotations

from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_support import HOME, LINKS, NUMBER, PROJECT, REGION, ZONE, Project, refusal


def _refused(gcp: Project, method: str, path: str, body: Any, **query: Any) -> tuple[int, str]:
    status, answer = gcp.call(method, "compute", f"compute/v1/{HOME}/{path}", body, **query)
    assert status >= 400, answer
    return status, answer["error"]["message"]


def test_network_as_the_server_prints_it(gcp: Project) -> None:
    network = gcp.network()
    assert network["autoCreateSubnetworks"] is False
    assert network["routingConfig"] == {"routingMode": "REGIONAL", "bgpBestPathSelectionMode": "LEGACY"}
    assert network["selfLink"] == f"{LINKS}/{HOME}/global/networks/net"
    assert network["selfLinkWithId"] == f"{LINKS}/{HOME}/global/networks/{network['id']}"
    assert network["subnetworks"] == [f"{LINKS}/{HOME}/regions/{REGION}/subnetworks/net-nodes"]


def test_references_come_back_as_urls_whatever_was_sent(gcp: Project) -> None:
    gcp.compute("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    forms = (
        f"projects/{PROJECT}/global/networks/n",
        f"projects/{NUMBER}/global/networks/n",
        "global/networks/n",
        f"https://compute.googleapis.com/compute/v1/{HOME}/global/networks/n",
        f"https://www.googleapis.com/compute/beta/{HOME}/global/networks/n",
    )
    for index, form in enumerate(forms):
        body = {"name": f"s{index}", "network": form, "ipCidrRange": f"10.{index}.0.0/24"}
        gcp.compute("POST", f"regions/{REGION}/subnetworks", body)
        made = gcp.compute("GET", f"regions/{REGION}/subnetworks/s{index}")
        assert made["network"] == f"{LINKS}/{HOME}/global/networks/n"
        assert made["region"] == f"{LINKS}/{HOME}/regions/{REGION}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "n", "autoCreateSubnetwork": True}, 'Unknown name "autoCreateSubnetwork": Cannot find field.'),
        (
            {"name": "n", "routingConfig": {"mode": "x"}},
            "Unknown name \"mode\" at 'routing_config': Cannot find field.",
        ),
        (
            {"name": "n", "autoCreateSubnetworks": "yes"},
            "Invalid value at 'auto_create_subnetworks' (TYPE_BOOL), \"yes\"",
        ),
        ({"name": "n", "mtu": "big"}, "Invalid value at 'mtu' (TYPE_INT32), \"big\""),
        ({"name": "n", "routingConfig": {"routingMode": "WIDE"}}, "Invalid value at 'routing_config.routing_mode'"),
        ({"name": ["n"]}, "Proto field is not repeating, cannot start list."),
        ({"name": "Capital", "autoCreateSubnetworks": False}, "Invalid value for field 'resource.name': 'Capital'"),
        ({"autoCreateSubnetworks": False}, "Required field 'resource.name' not specified"),
    ],
)
def test_bodies_that_google_refuses(gcp: Project, body: Any, words: str) -> None:
    status, message = _refused(gcp, "POST", "global/networks", body)
    assert status == 400
    assert words in message


def test_unknown_query_parameter(gcp: Project) -> None:
    status, message = _refused(gcp, "GET", "global/networks", None, foo="1")
    assert (status, 'Unknown name "foo": Cannot bind query parameter' in message) == (400, True)


def test_output_only_fields_are_ignored(gcp: Project) -> None:
    body = {"name": "n", "autoCreateSubnetworks": False, "id": "7", "selfLink": "x", "creationTimestamp": "y"}
    gcp.compute("POST", "global/networks", body)
    made = gcp.compute("GET", "global/networks/n")
    assert (made["id"] != "7", made["selfLink"] != "x") == (True, True)


def test_same_name_twice(gcp: Project) -> None:
    networks = gcp.client("compute").networks()
    body = {"name": "n", "autoCreateSubnetworks": False}
    networks.insert(project=PROJECT, body=body).execute()
    with pytest.raises(HttpError) as caught:
        networks.insert(project=PROJECT, body=body).execute()
    assert refusal(caught) == (409, "alreadyExists")


def test_request_id_makes_an_insert_idempotent(gcp: Project) -> None:
    body = {"name": "n", "autoCreateSubnetworks": False}
    token = "0a0a0a0a-1111-2222-3333-444444444444"
    first = gcp.compute("POST", "global/networks", body, requestId=token)
    second = gcp.compute("POST", "global/networks", body, requestId=token)
    assert second["name"] == first["name"]


def test_missing_network(gcp: Project) -> None:
    body = {"name": "s", "network": "global/networks/absent", "ipCidrRange": "10.0.0.0/24"}
    status, message = _refused(gcp, "POST", f"regions/{REGION}/subnetworks", body)
    assert (status, message) == (404, f"The resource '{HOME}/global/networks/absent' was not found")


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("10.20.1.0/24", "conflicts with existing subnetwork 'net-nodes' in region"),
        ("10.65.0.0/16", "conflicts with existing secondary range 'pods'"),
        ("10.1.2.3/16", "Invalid value for field 'resource.ipCidrRange'"),
        ("banana", "Invalid value for field 'resource.ipCidrRange'"),
        ("10.1.0.0/30", "The prefix length must be between"),
    ],
)
def test_ranges_that_do_not_fit(gcp: Project, cidr: str, words: str) -> None:
    gcp.network()
    body = {"name": "s", "network": "global/networks/net", "ipCidrRange": cidr}
    status, message = _refused(gcp, "POST", f"regions/{REGION}/subnetworks", body)
    assert status == 400
    assert words in message


def test_subnetwork_patch_needs_the_current_fingerprint(gcp: Project) -> None:
    gcp.network()
    path = f"regions/{REGION}/subnetworks/net-nodes"
    old = gcp.compute("GET", path)
    ranges = [*old["secondaryIpRanges"], {"rangeName": "more", "ipCidrRange": "10.96.0.0/16"}]
    assert _refused(gcp, "PATCH", path, {"secondaryIpRanges": ranges})[0] == 412
    gcp.compute("PATCH", path, {"secondaryIpRanges": ranges, "fingerprint": old["fingerprint"]})
    new = gcp.compute("GET", path)
    assert new["secondaryIpRanges"] == ranges
    assert new["fingerprint"] != old["fingerprint"]
    assert _refused(gcp, "PATCH", path, {"secondaryIpRanges": [], "fingerprint": old["fingerprint"]})[0] == 412


def test_subnetwork_verbs(gcp: Project) -> None:
    gcp.network()
    path = f"regions/{REGION}/subnetworks/net-nodes"
    gcp.compute("POST", f"{path}/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": True})
    assert gcp.compute("GET", path)["privateIpGoogleAccess"] is True
    status, message = _refused(gcp, "POST", f"{path}/expandIpCidrRange", {"ipCidrRange": "10.20.0.0/17"})
    assert (status, "must be larger" in message) == (400, True)
    gcp.compute("POST", f"{path}/expandIpCidrRange", {"ipCidrRange": "10.20.0.0/15"})
    assert gcp.compute("GET", path)["ipCidrRange"] == "10.20.0.0/15"
    fingerprint = gcp.compute("GET", path)["fingerprint"]
    gcp.compute("PATCH", path, {"logConfig": {"enable": True}, "fingerprint": fingerprint})
    logs = gcp.compute("GET", path)
    assert logs["enableFlowLogs"] is True
    assert logs["logConfig"]["aggregationInterval"] == "INTERVAL_5_SEC"
    assert _refused(gcp, "PATCH", path, {"ipCidrRange": "10.0.0.0/8", "fingerprint": logs["fingerprint"]})[0] == 400


def test_every_subnetwork_range_has_a_route(gcp: Project) -> None:
    gcp.network()
    found = gcp.compute("GET", "global/routes", filter=f'network eq "{LINKS}/{HOME}/global/networks/net"')
    ranges = {item["destRange"]: item.get("nextHopNetwork") for item in found["items"]}
    assert set(ranges) == {"0.0.0.0/0", "10.20.0.0/16", "10.64.0.0/14", "10.80.0.0/20"}


def test_network_in_use_ends_done_with_an_error(gcp: Project) -> None:
    gcp.network()
    operation = gcp.operation(gcp.compute("DELETE", "global/networks/net"))
    assert operation["status"] == "DONE"
    assert operation["httpErrorStatusCode"] == 400
    error = operation["error"]["errors"][0]
    assert error["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    assert error["message"].endswith(f"is already being used by '{HOME}/regions/{REGION}/subnetworks/net-nodes'")
    assert gcp.compute("GET", "global/networks/net")["name"] == "net"
    gcp.compute("DELETE", f"regions/{REGION}/subnetworks/net-nodes")
    assert "error" not in gcp.operation(gcp.compute("DELETE", "global/networks/net"))
    assert _refused(gcp, "GET", "global/networks/net", None)[0] == 404


def _nat(**fields: Any) -> dict[str, Any]:
    return {
        "name": "nat",
        "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
        **fields,
    }


def test_nats_live_in_the_router(gcp: Project) -> None:
    gcp.network()
    routers = f"regions/{REGION}/routers"
    gcp.compute("POST", routers, {"name": "r", "network": "global/networks/net", "nats": [_nat()]})
    nat = gcp.compute("GET", f"{routers}/r")["nats"][0]
    assert (nat["type"], nat["endpointTypes"], nat["autoNetworkTier"]) == ("PUBLIC", ["ENDPOINT_TYPE_VM"], "PREMIUM")
    gcp.compute("PATCH", f"{routers}/r", {})
    assert len(gcp.compute("GET", f"{routers}/r")["nats"]) == 1
    gcp.compute("PATCH", f"{routers}/r", {"nats": [_nat(minPortsPerVm=128)]})
    assert gcp.compute("GET", f"{routers}/r")["nats"][0]["minPortsPerVm"] == 128
    gcp.compute("PATCH", f"{routers}/r", {"nats": []})
    assert "nats" not in gcp.compute("GET", f"{routers}/r")


def test_manual_nat_holds_its_addresses(gcp: Project) -> None:
    gcp.network()
    addresses, routers = f"regions/{REGION}/addresses", f"regions/{REGION}/routers"
    gcp.compute("POST", addresses, {"name": "a"})
    manual = _nat(natIpAllocateOption="MANUAL_ONLY", natIps=[f"{HOME}/{addresses}/a"])
    gcp.compute("POST", routers, {"name": "r", "network": "global/networks/net", "nats": [manual]})
    held = gcp.compute("GET", f"{addresses}/a")
    assert (held["status"], held["users"]) == ("IN_USE", [f"{LINKS}/{HOME}/{routers}/r"])
    status, message = _refused(gcp, "DELETE", f"{addresses}/a", None)
    assert (status, "is already being used by" in message) == (400, True)
    gcp.compute("DELETE", f"{routers}/r")
    assert gcp.compute("GET", f"{addresses}/a")["status"] == "RESERVED"
    gcp.compute("DELETE", f"{addresses}/a")
    bad = _nat(natIpAllocateOption="MANUAL_ONLY")
    assert _refused(gcp, "POST", routers, {"name": "r", "network": "global/networks/net", "nats": [bad]})[0] == 400


def test_address_labels(gcp: Project) -> None:
    gcp.network()
    gcp.compute("POST", f"regions/{REGION}/addresses", {"name": "a", "labels": {"team": "ml"}})
    assert gcp.compute("GET", f"regions/{REGION}/addresses/a")["labels"] == {"team": "ml"}
    body = {
        "name": "g",
        "addressType": "INTERNAL",
        "purpose": "VPC_PEERING",
        "prefixLength": 20,
        "network": "global/networks/net",
        "labels": {"team": "ml"},
    }
    gcp.compute("POST", "global/addresses", body)
    made = gcp.compute("GET", "global/addresses/g")
    assert "labels" not in made
    labels = {"labels": {"team": "ml"}, "labelFingerprint": made["labelFingerprint"]}
    gcp.compute("POST", "global/addresses/g/setLabels", labels)
    assert gcp.compute("GET", "global/addresses/g")["labels"] == {"team": "ml"}
    assert _refused(gcp, "POST", "global/addresses/g/setLabels", labels)[0] == 412


def test_firewall_defaults_and_changes(gcp: Project) -> None:
    gcp.network()
    rule = {"name": "f", "network": "global/networks/net", "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}]}
    gcp.compute("POST", "global/firewalls", rule)
    made = gcp.compute("GET", "global/firewalls/f")
    assert (made["direction"], made["priority"], made["disabled"]) == ("INGRESS", 1000, False)
    assert made["sourceRanges"] == ["0.0.0.0/0"]
    assert made["logConfig"] == {"enable": False}
    gcp.compute("PATCH", "global/firewalls/f", {"priority": 900, "sourceRanges": ["10.0.0.0/8"]})
    changed = gcp.compute("GET", "global/firewalls/f")
    assert (changed["priority"], changed["sourceRanges"]) == (900, ["10.0.0.0/8"])
    status, message = _refused(gcp, "PATCH", "global/firewalls/f", {"network": "global/networks/default"})
    assert (status, "resource.network" in message) == (400, True)
    gcp.compute("PUT", "global/firewalls/f", {**rule, "denied": None})
    assert gcp.compute("GET", "global/firewalls/f")["priority"] == 1000
    assert _refused(gcp, "POST", "global/firewalls", {**rule, "name": "g", "denied": rule["allowed"]})[0] == 400


def test_private_services_connection_peers_the_network(gcp: Project) -> None:
    gcp.network()
    for name in ("range-a", "range-b"):
        body = {"name": name, "addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": 20}
        gcp.compute("POST", "global/addresses", {**body, "network": "global/networks/net"})
    connections = gcp.client("servicenetworking").services().connections()
    service = "services/servicenetworking.googleapis.com"
    network = f"projects/{NUMBER}/global/networks/net"
    connection: dict[str, Any] = {"network": network, "reservedPeeringRanges": ["range-a"]}
    begun = connections.create(parent=service, body=connection).execute()
    done = gcp.client("servicenetworking").operations().get(name=begun["name"]).execute()
    assert done["response"]["peering"] == "servicenetworking-googleapis-com"
    peering = gcp.compute("GET", "global/networks/net")["peerings"][0]
    assert (peering["name"], peering["state"]) == ("servicenetworking-googleapis-com", "ACTIVE")
    with pytest.raises(HttpError) as caught:
        connections.create(parent=service, body={**connection, "reservedPeeringRanges": ["range-b"]}).execute()
    assert refusal(caught) == (400, "FAILED_PRECONDITION")
    both = {**connection, "reservedPeeringRanges": ["range-a", "range-b"]}
    connections.patch(name=f"{service}/connections/-", body=both, updateMask="reservedPeeringRanges").execute()
    found = connections.list(parent=service, network=network).execute()["connections"]
    assert found[0]["reservedPeeringRanges"] == ["range-a", "range-b"]
    gcp.compute("DELETE", f"regions/{REGION}/subnetworks/net-nodes")
    for name in ("range-a", "range-b"):
        gcp.compute("DELETE", f"global/addresses/{name}")
    assert "error" in gcp.operation(gcp.compute("DELETE", "global/networks/net"))
    name = f"{service}/connections/servicenetworking-googleapis-com"
    connections.deleteConnection(name=name, body={"consumerNetwork": network}).execute()
    assert connections.list(parent=service, network=network).execute() == {}
    assert "error" not in gcp.operation(gcp.compute("DELETE", "global/networks/net"))


def test_lists_filter_page_and_aggregate(gcp: Project) -> None:
    gcp.network()
    for number in range(5):
        gcp.compute("POST", f"regions/{REGION}/addresses", {"name": f"a{number}", "labels": {"n": str(number % 2)}})
    addresses = f"regions/{REGION}/addresses"
    pages, token = [], None
    while True:
        answer = gcp.compute("GET", addresses, maxResults=2, **({"pageToken": token} if token else {}))
        pages.append([item["name"] for item in answer["items"]])
        token = answer.get("nextPageToken")
        if token is None:
            break
    assert pages == [["a0", "a1"], ["a2", "a3"], ["a4"]]
    odd = gcp.compute("GET", addresses, filter="labels.n=1")
    assert [item["name"] for item in odd["items"]] == ["a1", "a3"]
    either = gcp.compute("GET", addresses, filter="(name = a0) OR (name = a4)")
    assert [item["name"] for item in either["items"]] == ["a0", "a4"]
    assert [item["name"] for item in gcp.compute("GET", addresses, filter="name ne a[0-3]")["items"]] == ["a4"]
    everywhere = gcp.compute("GET", "aggregated/addresses", filter="labels.n:*")["items"]
    assert len(everywhere[f"regions/{REGION}"]["addresses"]) == 5
    assert everywhere["regions/us-east1"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
    assert _refused(gcp, "GET", addresses, None, filter="name = (")[0] == 400


def test_partial_answers(gcp: Project) -> None:
    gcp.network()
    answer = gcp.compute("GET", f"regions/{REGION}/subnetworks", fields="items(name,ipCidrRange),kind")
    assert answer == {"kind": "compute#subnetworkList", "items": [
        {"name": "default", "ipCidrRange": "10.132.0.0/20"},
        {"name": "net-nodes", "ipCidrRange": "10.20.0.0/16"},
    ]}  # fmt: skip


def test_places(gcp: Project) -> None:
    zone = gcp.compute("GET", f"zones/{ZONE}")
    assert zone["region"] == f"{LINKS}/{HOME}/regions/{REGION}"
    machine = gcp.compute("GET", f"zones/{ZONE}/machineTypes/e2-standard-4")
    assert (machine["guestCpus"], machine["memoryMb"]) == (4, 16384)
    assert _refused(gcp, "GET", f"zones/{ZONE}/machineTypes/e2-giant-4", None)[0] == 404
    assert gcp.compute("GET", f"zones/{ZONE}/acceleratorTypes/nvidia-tesla-t4")["maximumCardsPerInstance"] == 4
    g2 = gcp.compute("GET", f"zones/{ZONE}/machineTypes", filter="name:g2-*")["items"]
    assert g2[0]["accelerators"][0]["guestAcceleratorType"] == "nvidia-l4"
    assert _refused(gcp, "GET", "regions/mars-west1", None)[0] == 404


def test_quotas_are_reported_and_enforced(gcp: Project) -> None:
    def quota(where: str, metric: str) -> tuple[float, float]:
        found = {item["metric"]: item for item in gcp.compute("GET", where)["quotas"]}
        return found[metric]["limit"], found[metric]["usage"]

    assert quota("", "NETWORKS") == (50.0, 1.0)
    gcp.network()
    assert quota("", "NETWORKS")[1] == 2.0
    gcp.compute("POST", f"regions/{REGION}/addresses", {"name": "a"})
    assert quota(f"regions/{REGION}", "STATIC_ADDRESSES")[1] == 1.0
    assert quota("regions/us-east1", "STATIC_ADDRESSES")[1] == 0.0
    gcp.sandbox.set_quotas("gcp", {"NETWORKS": 2, "STATIC_ADDRESSES": 1})
    assert quota("", "NETWORKS") == (2.0, 2.0)
    networks = gcp.client("compute").networks()
    with pytest.raises(HttpError) as caught:
        networks.insert(project=PROJECT, body={"name": "more", "autoCreateSubnetworks": False}).execute()
    assert refusal(caught) == (403, "quotaExceeded")
    status, message = _refused(gcp, "POST", f"regions/{REGION}/addresses", {"name": "b"})
    assert (status, message) == (403, f"Quota 'STATIC_ADDRESSES' exceeded.  Limit: 1.0 in region {REGION}.")
    gcp.compute("POST", "regions/us-east1/addresses", {"name": "b"})
