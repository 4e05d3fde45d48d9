"""Bad input and foreign objects: a clear error before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import AuthError, CloudError, SpecError
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites

WRONG_CREDENTIALS = {
    "aws": {"AWS_ACCESS_KEY_ID": "AKIAWRONG00000000000"},
    "azure": {"AZURE_CLIENT_SECRET": "not-the-secret"},
}
OTHER_ACCOUNT = {
    "aws": "210987654321",
    "gcp": "another-project",
    "azure": "00000000-0000-0000-0000-0000deadbeef",
}


def _writes(sandbox: Sandbox, cloud: str, since: int) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal(cloud)[since:] if entry["write"]]


def _refused(site: dict[str, Any], parts: dict[str, Any], error: type[CloudError], **run: Any) -> str:
    with pytest.raises(error) as caught:
        execute(sites.wanted(site, parts), sites.options(**run))
    return str(caught.value)


@pytest.mark.parametrize("cloud", WRONG_CREDENTIALS)
def test_wrong_credentials(cloud: str, sandbox: Sandbox, site: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WRONG_CREDENTIALS[cloud].items():
        monkeypatch.setenv(name, value)
    since = len(sandbox.journal(cloud))
    message = _refused(site, sites.capabilities(), AuthError)
    assert "credential" in message.lower()
    assert _writes(sandbox, cloud, since) == []


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_credentials_of_another_account(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    since = len(sandbox.journal(cloud))
    message = _refused({**site, "account": OTHER_ACCOUNT[cloud]}, sites.capabilities(), CloudError)
    assert OTHER_ACCOUNT[cloud] in message
    assert _writes(sandbox, cloud, since) == []


BAD: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ("bad CIDR", {}, {"network": {"platform_cidr": "10.0.0.300/8"}}, ("network.platform_cidr", "10.0.0.300/8")),
    (
        "overlapping ranges",
        {},
        {"network": {"addresses": {"aws-dev": 0, "gcp-dev": 0, "azure-dev": 0}}},
        ("overlap", "aws-dev", "gcp-dev"),
    ),
    ("site without a slot", {"site": "elsewhere"}, {}, ("network.addresses", "elsewhere")),
    ("illegal name", {"platform": "ML_Platform!"}, {}, ("platform", "ML_Platform!")),
    ("no ranges for a public endpoint", {}, {"cluster": {"allowed_cidrs": []}}, ("cluster.allowed_cidrs", "private")),
    (
        "pool bounds",
        {},
        {"cluster": {"node_pools": [{"name": "general", "min_size": 5, "max_size": 2}]}},
        ("cluster.node_pools.general", "min_size"),
    ),
    (
        "rule that does nothing",
        {},
        {"object_store": {"buckets": [{"name": "models", "lifecycle_rules": [{"name": "idle"}]}]}},
        ("object_store.buckets.models", "does nothing"),
    ),
    ("unknown version", {}, {"cluster": {"version": "1.3"}}, ("1.3",)),
    (
        "unknown machine type",
        {},
        {"cluster": {"node_pools": [{"name": "general", "machine_types": ["no-such-machine"]}]}},
        ("no-such-machine",),
    ),
]


@pytest.mark.parametrize(("name", "site_changes", "changes", "words"), BAD, ids=[case[0] for case in BAD])
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_bad_input(
    cloud: str,
    name: str,
    site_changes: dict[str, Any],
    changes: dict[str, Any],
    words: tuple[str, ...],
    sandbox: Sandbox,
    site: dict[str, Any],
) -> None:
    since = len(sandbox.journal(cloud))
    message = _refused({**site, **site_changes}, sites.capabilities(**changes), SpecError)
    for word in words:
        assert word in message
    assert _writes(sandbox, cloud, since) == []


def test_a_system_pool_cannot_be_spot_on_azure(sandboxes: dict[str, Sandbox]) -> None:
    site = {
        "cloud": "azure",
        "region": "westeurope",
        "platform": "ml-platform",
        "account": sites.ACCOUNTS["azure"],
        "endpoints": {"default": "https://127.0.0.1:9"},
    }
    parts = sites.capabilities(cluster={"node_pools": [{"name": "general", "spot": True}]})
    message = _refused(site, parts, SpecError)
    assert "general" in message
    assert "spot" in message
    assert "pool" in message


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_an_immutable_change_names_both_values_and_what_a_replacement_destroys(
    cloud: str, sandbox: Sandbox, site: dict[str, Any]
) -> None:
    parts = sites.capabilities()
    made = execute(sites.wanted(site, parts), sites.options())
    assert not made.failed, made.summary()
    since = len(sandbox.journal(cloud))
    # GKE changes a pool's machine type in place; what it cannot change is whether the pool is spot.
    choices: dict[str, tuple[dict[str, Any], str]] = {
        "aws": ({"machine_types": ["m6i.xlarge"]}, "m6i.xlarge"),
        "gcp": ({"spot": False}, "spot"),
        "azure": ({"machine_types": ["Standard_D4s_v5"]}, "Standard_D4s_v5"),
    }
    change, word = choices[cloud]
    general, batch = sites.CAPABILITIES["cluster"]["node_pools"]
    pools = [general, {**batch, **change}]
    message = _refused(site, sites.capabilities(cluster={"node_pools": pools}), SpecError)
    assert "batch" in message
    assert word in message
    assert "allow_replace" in message
    assert _writes(sandbox, cloud, since) == []


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_an_object_of_our_name_without_our_tags_is_left_alone(
    cloud: str, sandbox: Sandbox, site: dict[str, Any]
) -> None:
    """Another site's run made it: same names (one platform, one site), but of another environment."""
    parts = {"object_store": {"buckets": [{"name": "models"}]}}
    ours = {**site, "site": "shared"}
    made = execute(sites.wanted({**ours, "environment": "staging"}, parts), sites.options())
    assert not made.failed, made.summary()
    since = len(sandbox.journal(cloud))
    message = _refused(ours, parts, SpecError)
    assert "adopt" in message
    assert "staging" in message
    assert _writes(sandbox, cloud, since) == []
    message = _refused(ours, parts, SpecError, state="absent")
    assert "staging" in message
    assert _writes(sandbox, cloud, since) == []
