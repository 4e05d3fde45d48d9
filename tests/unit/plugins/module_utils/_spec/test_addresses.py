"""Address ranges: slots never move, parts never overlap, mistakes are named."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from module_utils._engine.errors import SpecError
from module_utils._spec.addresses import Addresses, allocate, parse

SITES = {"aws-dev": "0", "gcp-dev": "1", "azure-dev": "2"}


def test_the_default_layout() -> None:
    assert allocate("gcp-dev", "10.0.0.0/8", 13, SITES).as_dict() == {
        "block": "10.8.0.0/13",
        "network": "10.8.0.0/16",
        "nodes": "10.8.0.0/17",
        "pods": "10.12.0.0/14",
        "services": "10.10.0.0/20",
        "managed_services": "10.10.16.0/20",
        "control_plane": "10.10.32.0/28",
    }


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 31), min_size=1), st.data())
def test_a_site_that_comes_or_goes_moves_nobody(sites: dict[str, int], data: st.DataObject) -> None:
    taken: set[int] = set()
    sites = {name: slot for name, slot in sites.items() if not (slot in taken or taken.add(slot))}  # type: ignore[func-returns-value]
    before = {name: allocate(name, "10.0.0.0/8", 13, sites).block for name in sites}
    gone = data.draw(st.sampled_from(sorted(sites)))
    free = next(slot for slot in range(32) if slot not in sites.values() or slot == sites[gone])
    after = {**{name: slot for name, slot in sites.items() if name != gone}, "new": free}
    for name in after.keys() & before.keys():
        assert allocate(name, "10.0.0.0/8", 13, after).block == before[name]


@given(st.integers(8, 18), st.data())
def test_parts_lie_inside_and_do_not_overlap(prefix: int, data: st.DataObject) -> None:
    slot = data.draw(st.integers(0, 2 ** (prefix - 8) - 1))
    parts = allocate("a", "10.0.0.0/8", prefix, {"a": slot})
    pieces = [parts.pods, parts.services, parts.managed_services, parts.control_plane, parts.endpoints]
    for zone in range(3):
        pieces += [parts.private(zone), parts.public(zone), parts.data(zone)]
    assert all(piece.subnet_of(parts.block) for piece in pieces)
    assert not [pair for pair in combinations(pieces, 2) if pair[0].overlaps(pair[1])]
    assert parts.nodes.subnet_of(parts.network)
    assert not parts.nodes.overlaps(parts.data(0))
    # The smallest ranges the clouds take: /28 subnets on AWS, /27 services on GKE, /28 control planes.
    assert max(piece.prefixlen for piece in pieces) <= 28
    assert parts.services.prefixlen <= 22


@given(st.integers(8, 18), st.sets(st.integers(0, 1023), min_size=2, max_size=6))
def test_slots_never_overlap(prefix: int, slots: set[int]) -> None:
    slots = {slot % 2 ** (prefix - 8) for slot in slots}
    sites = {f"site-{slot}": slot for slot in slots}
    blocks = [allocate(name, "10.0.0.0/8", prefix, sites).block for name in sites]
    assert not [pair for pair in combinations(blocks, 2) if pair[0].overlaps(pair[1])]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no entry": ({"sites": {"b": "0"}}, r"no entry for the site 'a'.*no other site has \(b: 0\)"),
    "no entry, nothing taken": ({"sites": {}}, "none is taken"),
    "same slot": ({"sites": {"a": "1", "b": 1}}, r"a \(10.8.0.0/13\) and b \(10.8.0.0/13\) overlap"),
    "range of its own in another's slot": ({"sites": {"a": "0", "b": "10.1.0.0/16"}}, "a .* and b .* overlap"),
    "others overlap": ({"sites": {"a": "0", "b": "3", "c": "10.24.0.0/16"}}, "b .* and c .* overlap"),
    "slot too high": ({"sites": {"a": "32"}}, r"addresses.a: slot 32 does not exist: .* 32 blocks of /13 \(0 to 31\)"),
    "slot below zero": ({"sites": {"a": -1}}, "slot -1 does not exist"),
    "range too small": ({"sites": {"a": "10.0.0.0/19"}}, "too small: a site needs at least a /18"),
    "range with host bits": ({"sites": {"a": "10.0.0.1/16"}}, "addresses.a: '10.0.0.1/16' is not an IPv4 range"),
    "no range": ({"sites": {"a": "second"}}, "addresses.a: 'second' is not an IPv4 range"),
    "bad platform range": ({"platform_cidr": "10.0.0.0/33"}, "network.platform_cidr: '10.0.0.0/33'"),
    "prefix shorter than the platform's": ({"site_prefix": 7}, r"site_prefix: /7 does not fit.*between /8 .* and /18"),
    "prefix too long": ({"site_prefix": 19}, "site_prefix: /19 does not fit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_mistakes_are_named(case: str) -> None:
    changed, message = REFUSED[case]
    arguments = {"site": "a", "platform_cidr": "10.0.0.0/8", "site_prefix": 13, "sites": {"a": "0"}, **changed}
    with pytest.raises(SpecError, match=message):
        allocate(**arguments)


def test_a_range_of_its_own() -> None:
    assert str(allocate("a", "10.0.0.0/8", 13, {"a": "192.168.0.0/16", "b": "0"}).block) == "192.168.0.0/16"


def test_the_smallest_site() -> None:
    parts = Addresses(parse("10.0.0.0/18", "x"))
    assert (str(parts.network), str(parts.private(0)), str(parts.public(2))) == (
        "10.0.0.0/20",
        "10.0.0.0/22",
        "10.0.13.0/25",
    )
