"""What Google rewrites, and what still is a difference."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.fields import Field
from module_utils._engine.plan import plan
from module_utils._gcp import references as r
from module_utils._gcp.versions import at_least

NET = "projects/p/global/networks/n"
FULL = f"https://www.googleapis.com/compute/v1/{NET}"


@pytest.mark.parametrize(
    ("want", "have", "same"),
    [
        (NET, FULL, True),
        (FULL, f"https://www.googleapis.com/compute/beta/{NET}", True),
        (NET, "n", True),
        ("projects/123456/global/networks/n", NET, True),
        ("projects/q/global/networks/n", FULL, False),
        (NET, "projects/p/global/networks/m", False),
        ("projects/p/regions/a/subnetworks/s", "projects/p/regions/b/subnetworks/s", False),
        ("projects/p/global/regions/us-west1", "projects/p/regions/us-west1", True),
        ("projects/p/regions/a/addresses/n", "projects/p/regions/a/routers/n", False),
        ("//compute.googleapis.com/projects/p/zones/z/disks/d", "projects/p/zones/z/disks/d", True),
        ("", None, True),
        (NET, None, False),
        ("", FULL, False),
    ],
)
def test_references(want: Any, have: Any, same: bool) -> None:
    assert r.same_reference(want, have) is same


def test_lists_of_references_have_no_order() -> None:
    assert r.same_references(["projects/p/x/a", "projects/p/x/b"], ["https://h/v1/projects/p/x/b", "projects/p/x/a"])
    assert not r.same_references(["projects/p/x/a"], ["projects/p/x/a", "projects/p/x/b"])
    assert r.same_references([], None)


@pytest.mark.parametrize(
    ("want", "have", "same"),
    [
        ("1.34", "1.34.8-gke.1278000", True),
        ("1.34.8", "1.34.8-gke.1278000", True),
        ("1.34.8-gke.1278000", "1.34.8-gke.1278000", True),
        ("1.3", "1.34.8-gke.1278000", False),
        ("1.35", "1.34.8-gke.1278000", False),
        ("latest", "1.34.8-gke.1", True),
        ("1.34", None, False),
    ],
)
def test_versions(want: str, have: Any, same: bool) -> None:
    assert r.same_version(want, have) is same


@pytest.mark.parametrize(
    ("want", "have", "will_do"),
    [
        ("1.34", "1.34.8-gke.1", True),
        ("1.34", "1.35.0-gke.7", True),
        ("1.34.8", "1.34.9-gke.1", True),
        ("1.35", "1.34.8-gke.1", False),
        ("1.34.8", "1.34.7-gke.900", False),
        ("1.34", None, False),
    ],
)
def test_a_channel_may_be_ahead(want: str, have: Any, will_do: bool) -> None:
    assert at_least(want, have) is will_do


@pytest.mark.parametrize(
    ("want", "have", "same"),
    [
        ("/20", "10.112.0.0/14", True),
        ("/20", None, False),
        ("10.0.0.0/8", "10.0.0.0/8", True),
        ("10.0.0.0/8", "10.0.0.0/9", False),
        ("fd20:0:0::/48", "fd20::/48", True),
        ("auto", "10.1.2.0/28", True),
    ],
)
def test_ranges(want: str, have: Any, same: bool) -> None:
    assert r.same_range(want, have) is same


def test_descriptions_count_for_the_ownership_in_them() -> None:
    ours = "managed-by=multicloud-platform; site=a"
    assert r.holds_tags(ours, "site=a; managed-by=multicloud-platform; and a note")
    assert not r.holds_tags(ours, "managed-by=multicloud-platform; site=b")
    assert not r.holds_tags(ours, None)
    assert not r.holds_tags("plain words", "other words")


@pytest.mark.parametrize(
    ("want", "have", "same"), [("0s", None, True), ("3600s", "3600.0s", True), ("1s", "2s", False)]
)
def test_durations(want: str, have: Any, same: bool) -> None:
    assert r.same_duration(want, have) is same


def test_objects_told_apart_by_a_reference() -> None:
    equal = r.matched_by("name")
    want = [{"name": "projects/p/regions/r/subnetworks/s", "sourceIpRangesToNat": ["B", "A"], "empty": ""}]
    have = [{"name": "https://www.googleapis.com/compute/v1/projects/p/regions/r/subnetworks/s"}]
    assert equal(want, [{**have[0], "sourceIpRangesToNat": ["A", "B"], "more": 1}])
    assert not equal(want, [{**have[0], "sourceIpRangesToNat": ["A"]}])
    assert not equal(want, [])


def test_the_zero_of_an_enumeration_is_not_returned() -> None:
    fields = r.ProtoFields({"mode": Field()})
    assert not plan({"mode": "MODE_UNSPECIFIED", "deep": {"x": "X_UNSPECIFIED"}}, {"deep": {}}, fields)
    assert plan({"mode": "MODE_UNSPECIFIED"}, {"mode": "ON"}, fields)
    assert isinstance(fields.extend({}), r.ProtoFields)


def test_labels_of_others_are_sent_along() -> None:
    assert r.merged({"theirs": "1", "ours": "old"}, {"ours": "new"}) == {"theirs": "1", "ours": "new"}


@pytest.mark.parametrize(
    ("want", "have", "same"),
    [
        ("2026-01-31T08:15:00Z", "2026-01-31T08:15:00.000Z", True),
        ("2026-01-31T09:15:00+01:00", "2026-01-31T08:15:00Z", True),
        ("2026-01-31T08:15:00Z", "2026-01-31T08:15:01Z", False),
        ("2026-01-31T08:15:00Z", None, False),
        ("${later}", "${later}", True),
    ],
)
def test_moments(want: str, have: Any, same: bool) -> None:
    assert r.same_moment(want, have) is same
