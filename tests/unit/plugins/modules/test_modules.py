"""The real `main()` of every module: arguments in, result out, over the fake cloud."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from module_utils import _day_two as day_two
from module_utils._module import CAPABILITIES, TAKES, is_info

from ..conftest import params, stores

KEYS = {"changed", "resources", "diff", "outputs", "orphans", "kept", "seconds", "site", "started", "invocation"}
BLOCKS = {**TAKES, **day_two.TAKES}
MODULES = tuple(BLOCKS)
OWN = {"backup": {"label": "first"}, "restore": {"server": "main", "as": "main-restored"}}


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["action"] for item in result["resources"] if item["action"] != "none"}


def without(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key not in names}


IDENTITIES = {"workloads": [{"name": "inference", "buckets": [{"name": "models"}]}]}


def of(module: str) -> dict[str, Any]:
    """Arguments of one module for the site that has one of everything."""
    everything = params(**stores(), workload_identity=IDENTITIES)
    return {**without(everything, *(CAPABILITIES.keys() - set(BLOCKS[module]))), **OWN.get(module, {})}


def test_site_converges_then_changes_nothing(call: Any) -> None:
    first = call("site", params())
    assert first["changed"]
    assert set(first) == KEYS
    assert set(actions(first).values()) == {"create"}
    assert len(actions(first)) == 7  # vpc, 3 subnets, cluster, pool, bucket
    assert first["outputs"]["network"]["id"] == "id-mlp-aws-dev-net"
    assert first["outputs"]["network"]["addresses"]["block"] == "10.0.0.0/13"
    assert first["outputs"]["resolved"]["cluster"]["node_pools"][0]["max_size"] == 5
    assert first["site"]["name"] == "aws-dev"
    again = call("site", params())
    assert set(again) == KEYS
    assert not again["changed"]
    assert again["diff"] == []
    assert all(item["id"] for item in again["resources"])


def test_check_mode_predicts_what_is_done_and_touches_nothing(call: Any, fake_cloud: Path) -> None:
    predicted = call("site", params(), check=True)
    assert predicted["changed"]
    assert list(fake_cloud.iterdir()) == []
    assert actions(predicted) == actions(call("site", params()))


def test_diff_shows_exactly_the_fields_that_change(call: Any) -> None:
    call("site", params())
    pools = [{"name": "general", "max_size": 9}]
    result = call("site", params(cluster={"endpoint": "private", "node_pools": pools}), check=True)
    assert [(item["before"], item["after"]) for item in result["diff"]] == [({"size.max": 5}, {"size.max": 9})]


def test_secrets_are_masked(call: Any) -> None:
    result = call("site", params(cluster={"endpoint": "private", "encryption_key": "arn:key"}))
    assert "swordfish" not in json.dumps(result)
    assert "********" in json.dumps(result["diff"])


def test_every_problem_of_the_specification_stops_before_anything_is_touched(call: Any, fake_cloud: Path) -> None:
    result = call("site", params(platform="Not Legal", account="12"))
    assert result["failed"]
    assert set(result) - KEYS == {"failed", "msg"}
    assert "'Not Legal' is not a legal name" in result["msg"]
    assert "'12' is not an AWS account id" in result["msg"]
    assert list(fake_cloud.iterdir()) == []


def test_failed_object_is_named_and_others_are_finished(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "mlp-aws-dev-k8s")
    result = call("site", params())
    assert result["failed"]
    assert result["changed"]
    assert "fake.cluster mlp-aws-dev-k8s: create: the zone has no capacity left" in result["msg"]
    status = {item["name"]: item["status"] for item in result["resources"]}
    assert status["mlp-aws-dev-k8s"] == "failed"
    assert status["mlp-aws-dev-general"] == "skipped"
    assert status["mlp-aws-dev-models"] == "ok"


def test_missing_library_is_named(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WITHOUT", "google.auth")
    result = call("site", params(cloud="gcp", account="project", network={"addresses": {"gcp-dev": "0"}}))
    assert result["failed"]
    assert "(google-auth)" in result["msg"]
    assert "required for sites on gcp" in result["msg"]


def test_a_defect_of_our_own_is_not_called_a_missing_library(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WITHOUT", "nonsense")
    result = call("site", params())
    assert set(result) - KEYS == {"failed", "msg"}
    assert re.match(
        r"Unexpected ModuleNotFoundError: No module named 'nonsense' \(fake_cloud.py line \d+, called from _run.py",
        result["msg"],
    )


def test_one_capability_of_a_site(call: Any) -> None:
    network = call("site", params(only=["network"]))
    assert set(actions(network)) == {
        "mlp-aws-dev-net",
        "mlp-aws-dev-private-0",
        "mlp-aws-dev-private-1",
        "mlp-aws-dev-private-2",
    }
    cluster = call("site", params(only=["cluster"]))
    assert set(actions(cluster)) == {"mlp-aws-dev-k8s", "mlp-aws-dev-general"}
    assert len(cluster["resources"]) == 2  # the network is referred to, not managed
    assert set(actions(call("site", params(only=["object_store"])))) == {"mlp-aws-dev-models"}


def test_the_single_modules_do_what_site_does(call: Any) -> None:
    arguments = params()
    call("network", without(arguments, "cluster", "object_store"))
    call("cluster", without(arguments, "object_store"))
    call("object_store", without(arguments, "network", "cluster"))
    assert not call("site", arguments)["changed"]


def test_workload_identity_only_looks_at_what_it_refers_to(call: Any) -> None:
    arguments = params(workload_identity=IDENTITIES)
    alone = call("workload_identity", arguments)
    assert "fake.cluster mlp-aws-dev-k8s: the specification refers to it" in alone["msg"]
    call("site", params())
    made = call("workload_identity", arguments)
    assert actions(made) == {"mlp-aws-dev-inference": "create"}
    assert set(made["outputs"]) == {"network", "workload_identity", "resolved"}
    assert not call("site", arguments)["changed"]
    wrong = {"workloads": [{"name": "inference", "buckets": [{"name": "model"}]}]}
    assert "there is no bucket 'model'" in call("site", params(workload_identity=wrong))["msg"]


def test_cluster_never_makes_the_network_it_refers_to(call: Any, fake_cloud: Path) -> None:
    result = call("cluster", without(params(), "object_store"))
    assert result["failed"]
    assert "fake.vpc mlp-aws-dev-net: the specification refers to it, but it is not in this account" in result["msg"]
    assert list(fake_cloud.iterdir()) == []


def test_absent_deletes_everything_and_reports_orphans(call: Any, fake_cloud: Path) -> None:
    call("site", params())
    forgotten = {"body": {}, "tags": {}, "ready_at": 0}
    state = fake_cloud / "aws-dev.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "fake.disk/left-behind": forgotten}))
    result = call("site", params(state="absent", find_orphans=True))
    assert set(actions(result).values()) == {"delete"}
    assert result["orphans"] == [{"kind": "fake.disk", "id": "id-left-behind", "name": "left-behind"}]
    assert list(json.loads(state.read_text())) == ["fake.disk/left-behind"]


def test_what_is_kept_on_purpose_is_told_apart_from_orphans(call: Any) -> None:
    arguments = params(**stores(database={"servers": [{"name": "main", "final_snapshot": True}]}))
    assert call("site", arguments)["kept"] is None
    planned = {
        item["name"]: item["note"] for item in call("site", {**arguments, "state": "absent"}, check=True)["resources"]
    }
    assert planned["mlp-aws-dev-main"] == "mlp-aws-dev-main-final stays"
    result = call("site", {**arguments, "state": "absent", "find_orphans": True})
    assert not result.get("failed"), result["msg"]
    assert result["orphans"] == []
    assert result["kept"] == [
        {
            "kind": "fake.backup",
            "id": "id-mlp-aws-dev-main-final",
            "name": "mlp-aws-dev-main-final",
            "kept": "the final snapshot of a server",
        }
    ]


def test_prod_is_interrupted_only_when_allowed(call: Any, fake_cloud: Path) -> None:
    arguments = params(environment="prod", site="aws-dev", **stores())
    assert not call("site", arguments).get("failed")
    before = (fake_cloud / "aws-dev.json").read_text()
    larger = {**arguments, "database": {"servers": [{"name": "main", "size": "large"}]}}
    refused = call("site", larger)
    assert refused["failed"]
    assert "a change of size interrupts the service. Set allow_disruption: true" in refused["msg"]
    assert (fake_cloud / "aws-dev.json").read_text() == before
    assert "allow_disruption" in call("site_info", larger)["problems"][0]
    planned = call("site", {**larger, "allow_disruption": True}, check=True)
    assert [item["name"] for item in planned["resources"] if item["disruptive"]] == ["mlp-aws-dev-main"]
    assert not call("site", {**larger, "allow_disruption": True}).get("failed")


def test_progress_file_gets_one_json_line_per_event(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    call("site", params(progress_file=str(path)))
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert {event["site"] for event in events} == {"aws-dev"}
    assert set(events[0]) == {"time", "site", "kind", "name", "action", "state", "elapsed", "message"}
    assert [event["state"] for event in events].count("done") == 7
    assert path.stat().st_mode & 0o777 == 0o600


def test_progress_that_cannot_be_written_is_a_warning(call: Any, tmp_path: Path) -> None:
    result = call("site", params(progress_file=str(tmp_path / "no" / "such" / "directory")))
    assert not result.get("failed")
    assert "cannot be written: No such file or directory" in json.dumps(result["warnings"])


def test_info_tells_existence_drift_and_orphans(call: Any, fake_cloud: Path) -> None:
    nothing = call("site_info", params())
    assert not nothing["changed"]
    assert not any(item["exists"] for item in nothing["resources"])
    assert list(fake_cloud.iterdir()) == []
    call("site", params())
    state = fake_cloud / "aws-dev.json"
    things = json.loads(state.read_text())
    things["fake.pool/mlp-aws-dev-general"]["body"]["size"]["max"] = 50
    things["fake.bucket/mlp-aws-dev-old"] = things["fake.bucket/mlp-aws-dev-models"]
    del things["fake.bucket/mlp-aws-dev-models"]
    state.write_text(json.dumps(things))
    look = call("site_info", params())
    found = {item["name"]: item for item in look["resources"]}
    assert found["mlp-aws-dev-net"]["exists"]
    assert not found["mlp-aws-dev-net"]["drift"]
    assert not found["mlp-aws-dev-models"]["exists"]
    assert found["mlp-aws-dev-general"]["changes"] == [{"field": "size.max", "before": 50, "after": 5}]
    assert [item["name"] for item in look["orphans"]] == ["mlp-aws-dev-old"]
    assert json.loads(state.read_text()) == things


def test_info_tells_problems_that_would_stop_a_run(call: Any, fake_cloud: Path) -> None:
    call("site", params())
    state = fake_cloud / "aws-dev.json"
    things = json.loads(state.read_text())
    things["fake.vpc/mlp-aws-dev-net"]["body"]["cidr"] = "192.168.0.0/16"
    state.write_text(json.dumps(things))
    assert call("site", params())["failed"]
    look = call("site_info", params())
    assert not look.get("failed")
    assert "cidr is '192.168.0.0/16', asked for '10.0.0.0/16'" in look["problems"][0]


@pytest.mark.parametrize("name", MODULES)
def test_unknown_option_is_refused(call: Any, name: str) -> None:
    result = call(name, {**of(name), "regoin": "eu-central-1"})
    assert result["failed"]
    assert "regoin" in result["msg"]


@pytest.mark.parametrize("name", MODULES)
def test_documentation_describes_exactly_the_arguments(collection: str, name: str) -> None:
    module = importlib.import_module(f"{collection}.modules.{name}")
    described = yaml.safe_load(module.DOCUMENTATION)
    options: dict[str, Any] = {}
    for fragment in described["extends_documentation_fragment"]:
        path = f"{collection}.doc_fragments.{fragment.rpartition('.')[2]}"
        text = importlib.import_module(path).ModuleDocFragment.DOCUMENTATION
        options |= yaml.safe_load(text).get("options", {})
    for option, more in described.get("options", {}).items():
        options[option] = {**options.get(option, {}), **more}
    spec = module.arguments(name)
    assert _shape(options, "suboptions") == _shape(spec, "options")


@pytest.mark.parametrize("name", MODULES)
def test_documentation_names_exactly_what_is_returned(call: Any, collection: str, name: str) -> None:
    described = yaml.safe_load(importlib.import_module(f"{collection}.modules.{name}").RETURN)
    call("site", params(**stores()))
    call("backup", of("backup"))
    result = call(name, of(name))
    # Ansible collects warnings of all calls of one process
    assert set(described) - {"msg"} == set(result) - {"changed", "invocation", "warnings"}
    if "stores" in described:
        assert set(described["stores"]["contains"]) == set(result["stores"][0])
        return
    members = set(result["resources"][0])
    if "contains" in described["resources"]:
        assert set(described["resources"]["contains"]) == members
    else:
        text = " ".join(described["resources"]["description"])
        assert set(re.findall(r"C\((\w+)\)", text)) == members
        assert ("site_info" if is_info(name) else "site#") in text


def _shape(options: dict[str, Any], below: str) -> dict[str, Any]:
    """What documentation and argument spec must agree in."""
    return {
        name: {
            **{key: option.get(key) for key in ("type", "elements")},
            "required": bool(option.get("required")),
            "default": _plain(option.get("default")),
            "choices": list(option.get("choices") or []),
            "below": _shape(option[below], below) if below in option else None,
        }
        for name, option in options.items()
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
