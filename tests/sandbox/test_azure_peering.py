"""Peerings of virtual networks: two sides, their states, what the service refuses."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.sandbox.azure_support import GROUP, Subscription, code_of


@pytest.fixture
def pair(azure: Subscription) -> tuple[Any, Any]:
    azure.make_group()
    return azure.make_vnet("hub", "10.1.0.0/16", nodes="10.1.0.0/24"), azure.make_vnet("spoke", "10.2.0.0/16")


def peer(azure: Subscription, vnet: str, remote: str, name: str = "peering", **properties: Any) -> Any:
    body = {"properties": {"remoteVirtualNetwork": {"id": remote}, **properties}}
    return azure.network.virtual_network_peerings.begin_create_or_update(GROUP, vnet, name, body).result()


def state(azure: Subscription, vnet: str, name: str = "peering") -> Any:
    return azure.network.virtual_network_peerings.get(GROUP, vnet, name).peering_state


def test_both_sides_make_it_connected(azure: Subscription, pair: tuple[Any, Any]) -> None:
    hub, spoke = pair

    first = peer(azure, "hub", spoke.id, allowForwardedTraffic=True)
    assert (first.peering_state, first.peering_sync_level) == ("Initiated", "RemoteNotInSync")
    assert first.remote_address_space.address_prefixes == ["10.2.0.0/16"]
    assert (first.allow_forwarded_traffic, first.allow_virtual_network_access) == (True, True)

    second = peer(azure, "spoke", hub.id)
    assert (second.peering_state, second.peering_sync_level) == ("Connected", "FullyInSync")
    assert state(azure, "hub") == "Connected"
    assert [item.name for item in azure.network.virtual_network_peerings.list(GROUP, "hub")] == ["peering"]
    assert azure.network.virtual_networks.get(GROUP, "hub").virtual_network_peerings[0].peering_state == "Connected"


def test_a_put_of_the_network_keeps_its_peerings(azure: Subscription, pair: tuple[Any, Any]) -> None:
    peer(azure, "hub", pair[1].id)

    azure.make_vnet("hub", "10.1.0.0/16", nodes="10.1.0.0/24")

    assert state(azure, "hub") == "Initiated"


def test_a_side_that_lost_its_counterpart_is_written_anew(azure: Subscription, pair: tuple[Any, Any]) -> None:
    hub, spoke = pair
    peer(azure, "hub", spoke.id)
    peer(azure, "spoke", hub.id)

    azure.network.virtual_network_peerings.begin_delete(GROUP, "spoke", "peering").result()
    assert state(azure, "hub") == "Disconnected"
    with pytest.raises(HttpResponseError) as caught:
        peer(azure, "spoke", hub.id)
    assert code_of(caught) == (400, "RemotePeeringIsDisconnected")

    peer(azure, "hub", spoke.id)
    assert state(azure, "hub") == "Initiated"
    peer(azure, "spoke", hub.id)
    assert state(azure, "hub") == state(azure, "spoke") == "Connected"


def test_deleting_a_network_disconnects_the_other(azure: Subscription, pair: tuple[Any, Any]) -> None:
    hub, spoke = pair
    peer(azure, "hub", spoke.id)
    peer(azure, "spoke", hub.id)

    azure.network.virtual_networks.begin_delete(GROUP, "spoke").result()

    assert state(azure, "hub") == "Disconnected"


def test_overlapping_address_spaces_are_refused(azure: Subscription, pair: tuple[Any, Any]) -> None:
    twin = azure.make_vnet("twin", "10.1.128.0/17")

    with pytest.raises(HttpResponseError) as caught:
        peer(azure, "hub", twin.id)

    assert code_of(caught) == (400, "VnetAddressSpacesOverlap")
    assert "10.1.0.0/16, 10.1.128.0/17" in caught.value.message


def test_a_missing_network_is_named(azure: Subscription, pair: tuple[Any, Any]) -> None:
    with pytest.raises(HttpResponseError) as caught:
        peer(azure, "hub", pair[1].id.replace("/spoke", "/nowhere"))

    assert code_of(caught) == (400, "InvalidResourceReference")
    assert "/nowhere" in caught.value.message


def test_one_peering_per_pair_which_stays_where_it_points(azure: Subscription, pair: tuple[Any, Any]) -> None:
    third = azure.make_vnet("third", "10.3.0.0/16")
    peer(azure, "hub", pair[1].id)

    with pytest.raises(HttpResponseError) as caught:
        peer(azure, "hub", pair[1].id, name="again")
    assert code_of(caught) == (400, "AnotherPeeringAlreadyReferencesRemoteVnet")
    with pytest.raises(HttpResponseError) as caught:
        peer(azure, "hub", third.id)
    assert code_of(caught) == (400, "ChangingRemoteVirtualNetworkNotAllowed")
