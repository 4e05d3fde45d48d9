"""The argument spec is read off the dataclasses, and instances are built from Ansible's parameters."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_utils._spec.arguments import NOT_SECRET, argument_spec, as_dict, build
from module_utils._spec.cluster import Cluster, NodePool
from module_utils._spec.network import Network
from module_utils._spec.object_store import ObjectStore
from module_utils._spec.site import Site

SPECS = [Site, Network, Cluster, ObjectStore]


@dataclass(frozen=True)
class Inner:
    path: str
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    name: str
    count: int = 3
    ratio: float | None = None
    flag: bool = True
    labels: dict[str, str] | None = None
    modes: tuple[Literal["x", "y"], ...] | None = None
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    key: str | None = field(default=None, metadata=NOT_SECRET)
    token: str | None = field(default=None, metadata={"no_log": True})


def test_reflection() -> None:
    inner = {
        "path": {"type": "str", "required": True},
        "mode": {"type": "str", "choices": ["a", "b"], "default": "a"},
    }
    assert argument_spec(Outer) == {
        "name": {"type": "str", "required": True},
        "count": {"type": "int", "default": 3},
        "ratio": {"type": "float"},
        "flag": {"type": "bool", "default": True},
        "labels": {"type": "dict"},
        "modes": {"type": "list", "elements": "str", "choices": ["x", "y"]},
        "inner": {"type": "dict", "options": inner},
        "many": {"type": "list", "elements": "dict", "options": inner, "default": []},
        "key": {"type": "str", "no_log": False},
        "token": {"type": "str", "no_log": True},
    }


def test_building() -> None:
    params: dict[str, Any] = {
        "name": "n",
        "count": None,
        "labels": {"a": "b"},
        "inner": {"path": "/", "mode": None},
        "many": [{"path": "/a", "mode": "b"}],
        "unknown": 1,
    }
    expected = Outer("n", labels={"a": "b"}, inner=Inner("/"), many=(Inner("/a", "b"),))
    assert build(Outer, params) == expected
    assert build(Inner, {"path": ""}) == Inner("")


def test_secrets_stay_out_of_the_report() -> None:
    told = as_dict(Outer("n", key="alias", token="hush", many=(Inner("/"),)))
    assert "token" not in told
    assert told["key"] == "alias"
    assert told["many"] == [{"path": "/", "mode": "a"}]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.__name__)
def test_ansible_takes_every_spec(spec: Any) -> None:
    """Defaults pass validation, and build to what the dataclass itself has as default."""
    given = {"cloud": "aws", "region": "r", "platform": "p", "account": "1"} if spec is Site else {}
    result = ArgumentSpecValidator(argument_spec(spec)).validate(given)
    assert result.error_messages == []
    assert build(spec, result.validated_parameters) == spec(**given)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"nodepools": []}, "nodepools. Supported parameters include"),
        ({"endpoint": "both"}, "value of endpoint must be one of: public, private, got: both"),
        ({"node_pools": [{"name": "a", "spot": "perhaps"}]}, "spot"),
        ({"node_pools": [{"size": "large"}]}, "missing required arguments: name"),
        ({"node_pools": [{"name": "a", "aws": {"os_sku": "x"}}]}, "os_sku"),
    ],
)
def test_unknown_and_wrong_options_are_refused(parameters: dict[str, Any], message: str) -> None:
    result = ArgumentSpecValidator(argument_spec(Cluster)).validate(parameters)
    assert message in " ".join(result.error_messages)


def test_every_option_of_a_pool_survives_the_way_through_ansible() -> None:
    params = {"name": "gpu", "machine_types": ["a", "b"], "taints": [{"key": "k"}], "zones": [], "spot": False}
    pool = build(NodePool, ArgumentSpecValidator(argument_spec(NodePool)).validate(params).validated_parameters)
    assert (pool.machine_types, pool.zones, pool.spot) == (("a", "b"), (), False)
    assert pool.taints is not None
    assert dataclasses.asdict(pool.taints[0]) == {"key": "k", "value": None, "effect": "no_schedule"}
