"""Reports: counting, the table, files that hosts share, the critical path, and the picture."""

from __future__ import annotations

import importlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest


@pytest.fixture
def reports(collection: str) -> Any:
    return importlib.import_module(f"{collection}.plugin_utils.reports")


@pytest.fixture
def recap(collection: str) -> Any:
    return importlib.import_module(f"{collection}.plugin_utils.recap").recap


@pytest.fixture
def page(collection: str) -> Any:
    return importlib.import_module(f"{collection}.plugin_utils.timeline").page


def item(name: str, action: str = "create", started: float = 0.0, seconds: float = 0.0, **more: Any) -> dict[str, Any]:
    base = {"kind": "aws.thing", "name": name, "id": "", "action": action, "changes": [], "note": "", "error": ""}
    return {**base, "started": started, "seconds": seconds, "status": "ok", "needs": [], **more}


def result(resources: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    site = {"name": "aws-dev", "cloud": "aws", "region": "eu-central-1", "account": "123456789012", "platform": "mlp"}
    base = {"changed": True, "resources": resources, "outputs": {}, "orphans": [], "seconds": 723.0, "site": site}
    return {**base, "started": "2025-11-21T08:30:00.000+00:00", **more}


def report(
    reports: Any, resources: list[dict[str, Any]], state: str = "present", check: bool = False, **more: Any
) -> Any:
    return reports.site_report(result(resources, **more), run="r1", host="aws-dev", state=state, check=check)


def test_table_of_a_rollout(reports: Any, recap: Any) -> None:
    change = {"field": "scalingConfig.maxSize", "before": 5, "after": 7}
    table = recap(
        report(
            reports,
            [
                item("mlp-net", seconds=1.23),
                item("mlp-general", "update", seconds=45.0, changes=[change]),
                item("mlp-role", "none", id="role-1"),
                item("mlp-nat-2", "none"),
            ],
            outputs={
                "network": {"addresses": {"block": "10.8.0.0/13"}},
                "cluster": {"name": "mlp", "version": "1.34", "endpoint": "https://k8s", "id": "x"},
                "object_store": {"buckets": {"models": {"name": "mlp-models-1", "url": "gs://mlp-models-1"}}},
                "resolved": {"cluster": {"size": "small"}},
            },
        )
    )
    assert table.splitlines() == [
        "aws-dev (aws eu-central-1 123456789012): rolled out, 12m03s",
        "  + create   aws.thing  mlp-net         1.2s",
        "  ~ update   aws.thing  mlp-general      45s",
        "        scalingConfig.maxSize: 5 -> 7",
        "  1 created, 1 updated, 1 unchanged",
        "  network  10.8.0.0/13",
        "  cluster  mlp  1.34",
        "           https://k8s",
        "  bucket   models  gs://mlp-models-1",
    ]


def test_table_of_a_plan_has_no_times(reports: Any, recap: Any) -> None:
    table = recap(report(reports, [item("mlp-net")], check=True))
    assert "plan, nothing was changed" in table
    assert table.splitlines()[1] == "  + create   aws.thing  mlp-net"
    assert table.splitlines()[2] == "  1 to create"


def test_table_of_a_failure(reports: Any, recap: Any) -> None:
    table = recap(
        report(
            reports,
            [
                item("a", status="failed", error="aws.thing a: create: no capacity."),
                item("b", status="skipped", note="not attempted, because of aws.thing a"),
            ],
            failed=True,
            msg="aws.thing a: create: no capacity.",
        )
    )
    assert "FAILED, 12m03s" in table
    assert "        no capacity." in table.splitlines()
    assert "SKIPPED" in table
    assert "1 FAILED, 1 SKIPPED" in table


def test_table_of_a_destruction_goes_backwards_and_lists_orphans(reports: Any, recap: Any) -> None:
    orphan = {"kind": "aws.ebs", "id": "vol-1", "name": "left"}
    table = recap(report(reports, [item("first", "delete"), item("last", "delete")], state="absent", orphans=[orphan]))
    assert table.index("last") < table.index("first")
    assert table.splitlines()[-1] == "  ? aws.ebs left (vol-1)"


def test_nothing_is_wider_than_a_hundred_columns(reports: Any, recap: Any) -> None:
    long = "x" * 90
    change = {"field": "a.very.long.field.name[that-goes-on]." * 4, "before": {"k": long}, "after": long}
    resources = [
        item(f"mlp-{long}-{n}", "update", kind="azure.network.private_dns_zone_link_of_a_vnet") for n in (1, 2)
    ]
    resources[0] |= {"changes": [change], "note": "why " * 50}
    table = recap(
        report(
            reports,
            resources,
            outputs={"cluster": {"name": long * 2}},
            orphans=[{"kind": "k", "name": long, "id": long}],
        )
    )
    assert max(map(len, table.splitlines())) <= 100
    assert "-1 " in table  # names differ at their ends: those stay


def test_a_module_that_could_not_start_gives_its_message(reports: Any, recap: Any) -> None:
    made = reports.site_report({"msg": "missing argument"}, run="r", host="gcp-dev", state="present", check=False)
    assert made["failed"]
    assert made["msg"] == "missing argument"
    assert recap(made).splitlines() == ["gcp-dev: FAILED, 0.0s", "  nothing was touched", "  missing argument"]


def test_sites_that_report_at_once_all_stand_in_the_plan(reports: Any, tmp_path: Path) -> None:
    def one(number: int) -> None:
        made = report(reports, [item("a")], check=True)
        made["site"] = {"name": f"site-{number:02d}"}
        with reports.locked(tmp_path):
            reports.add_to_plan(tmp_path / "plan.json", made)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(30)))
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert len(plan["sites"]) == 30
    assert plan["counts"]["create"] == 30
    assert plan["changed"]
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600


def test_a_new_run_begins_a_new_plan(reports: Any, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    reports.add_to_plan(path, report(reports, [], check=True))
    reports.add_to_plan(path, {**report(reports, [], check=True), "run": "r2", "site": {"name": "other"}})
    assert list(json.loads(path.read_text())["sites"]) == ["other"]


def test_only_reports_of_the_run_are_drawn(reports: Any, tmp_path: Path) -> None:
    reports.write_json(tmp_path / "aws-dev.json", report(reports, []))
    reports.write_json(tmp_path / "old.json", {**report(reports, []), "run": "r0"})
    reports.add_to_plan(tmp_path / "plan.json", report(reports, [], check=True))
    (tmp_path / "foreign.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    assert [found["site"]["name"] for found in reports.of_run(tmp_path, "r1")] == ["aws-dev"]


def test_critical_path_of_a_rollout(reports: Any) -> None:
    chain = reports.critical_path(
        [
            item("vpc", seconds=2),
            item("role", seconds=9),
            item("nat", started=2, seconds=90, needs=["aws.thing/vpc"]),
            item("cluster", started=9, seconds=500, needs=["aws.thing/vpc", "aws.thing/role"]),
            item("pool", started=509, seconds=180, needs=["aws.thing/cluster", "aws.thing/nat"]),
            item("kept", "none"),
            item("never", status="skipped", needs=["aws.thing/pool"]),
        ]
    )
    assert chain == ["aws.thing/role", "aws.thing/cluster", "aws.thing/pool"]


def test_critical_path_of_a_destruction_runs_the_other_way(reports: Any) -> None:
    chain = reports.critical_path(
        [
            item("vpc", "delete", started=300, seconds=2),
            item("cluster", "delete", started=100, seconds=200, needs=["aws.thing/vpc"]),
            item("pool", "delete", started=0, seconds=100, needs=["aws.thing/cluster"]),
        ]
    )
    assert chain == ["aws.thing/pool", "aws.thing/cluster", "aws.thing/vpc"]


def test_critical_path_of_a_destruction_never_turns_round(reports: Any) -> None:
    """Objects that take no time at all begin and end at one instant: only who waits for whom tells them apart."""
    chain = reports.critical_path(
        [
            item("role", "delete", started=9.0, seconds=0.01),
            item("identity", "delete", started=9.0, seconds=0.01, needs=["aws.thing/role"]),
            item("addon", "delete", started=8.0, seconds=0.98, needs=["aws.thing/identity"]),
            item("pool", "delete", started=0.0, seconds=8.0, needs=["aws.thing/addon"]),
            item("other", "delete", started=8.99, seconds=0.01, needs=["aws.thing/role"]),
        ]
    )
    assert chain == ["aws.thing/pool", "aws.thing/addon", "aws.thing/identity", "aws.thing/role"]


def test_critical_path_runs_through_objects_that_take_turns(reports: Any) -> None:
    chain = reports.critical_path(
        [
            item("cluster", seconds=16),
            item("first", started=16, seconds=8, lock="k8s", needs=["aws.thing/cluster"]),
            item("second", started=24, seconds=3, lock="k8s", needs=["aws.thing/cluster"]),
        ]
    )
    assert chain == ["aws.thing/cluster", "aws.thing/first", "aws.thing/second"]


def test_no_critical_path_where_nothing_was_done(reports: Any) -> None:
    assert reports.critical_path([item("a", "none")]) == []


def test_picture_is_well_formed_and_marks_the_path(reports: Any, page: Any) -> None:
    resources = [
        item("vpc<&>", started=3, seconds=2),
        item("cluster", started=5, seconds=500, needs=["aws.thing/vpc<&>"]),
        item("pool", started=505, seconds=44, status="failed", error="no capacity", needs=["aws.thing/cluster"]),
        *[item(f"short-{n}", started=5 + n / 10, seconds=0.2) for n in range(40)],
    ]
    html = page([report(reports, resources), report(reports, [])])
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314 - our own
    bars = [bar.get("class", "") for bar in svg.iter("rect") if "bar" in bar.get("class", "")]
    assert sum("critical" in bar for bar in bars) == 3
    assert sum("failed" in bar for bar in bars) == 1
    assert sum("many" in bar for bar in bars) == 1  # forty short ones share a row
    assert "40 short ones" in html
    assert "vpc&lt;&amp;&gt;" in html
    assert "nothing to change" in html
    assert "<script" not in html
    assert "http" not in html


def test_picture_of_nothing(page: Any) -> None:
    assert "No site has reported" in page([])


def test_a_destruction_says_that_nothing_is_left_only_when_it_has_looked(reports: Any, recap: Any) -> None:
    gone = [item("vpc", "delete")]
    assert "Nothing is left" in recap(report(reports, gone, state="absent", orphans=[]))
    assert "Nothing is left" not in recap(report(reports, gone, state="absent", orphans=None))


def test_what_stays_on_purpose_is_named_and_is_no_orphan(reports: Any, recap: Any) -> None:
    snapshot = {"kind": "aws.rds.snapshot", "id": "s-1", "name": "mlp-main-final", "kept": "the last of database main"}
    table = recap(report(reports, [item("main", "delete")], state="absent", orphans=[], kept=[snapshot]))
    assert table.splitlines()[-3:] == [
        "  Kept on purpose, and not deleted with the site:",
        "  = aws.rds.snapshot mlp-main-final: the last of database main",
        "  Nothing else is left: no other object of the account carries this site's tags.",
    ]
    orphan = {"kind": "aws.ebs", "id": "vol-1", "name": "left"}
    both = recap(report(reports, [], state="absent", orphans=[orphan], kept=[snapshot]))
    assert "Nothing else" not in both
    assert both.index("mlp-main-final") < both.index("Left behind")


def test_an_interruption_is_told_before_it_happens(reports: Any, recap: Any, page: Any) -> None:
    change = {"field": "class", "before": "small", "after": "large"}
    resized = item(
        "main", "update", changes=[change], note="a change of class interrupts", disruptive=True, seconds=9.0
    )
    planned = recap(report(reports, [resized, item("other", "update")], check=True))
    assert "disruptive: a change of class interrupts" in planned
    assert "2 to update, 1 of them disruptive" in planned
    assert "restarts or fails over" in page([report(reports, [resized])])
    assert "disruptive" not in recap(report(reports, [item("other", "update", note="why")]))


def test_stores_stand_in_the_table(reports: Any, recap: Any) -> None:
    server = {"host": "db.example", "port": 5432, "engine": "postgresql", "version": "16.4"}
    table = recap(
        report(
            reports,
            [item("main", "none")],
            outputs={
                "database": {"servers": {"main": server}},
                "cache": {"instances": {"main": {"host": "redis.example", "port": 6379}}},
                "registry": {"url": "registry.example/mlp", "repositories": {}},
                "workload_identity": {
                    "workloads": {"web": {"namespace": "ml", "service_account": "api", "identity": "arn:role"}}
                },
                "secret_store": {"id": "x", "secrets": {"b": "ref", "a": "ref"}},
            },
        )
    )
    assert table.splitlines()[-5:] == [
        "  database main  postgresql 16.4  db.example:5432",
        "  cache    main  redis.example:6379",
        "  registry registry.example/mlp",
        "  secrets  a, b",
        "  workload web  ml/api  arn:role",
    ]


def test_a_restore_that_proves_nothing_says_so(reports: Any, recap: Any) -> None:
    facts = {
        "restored_to": "2026-01-31T08:10:00+00:00",
        "data_age_seconds": 300,
        "restore_seconds": 612.4,
        "verified": False,
        "verification": "PostgreSQL at 10.0.0.5:5432: no route to host",
        "promoted": False,
        "former": None,
    }
    made = reports.site_report(
        result([item("main-restored")], **facts),
        run="r",
        host="aws-dev",
        state="present",
        check=False,
        subject="restore",
    )
    assert (made["mode"], made["details"]) == ("restore", facts)
    assert recap(made).splitlines()[-3:] == [
        "  data of 2026-01-31T08:10:00+00:00, 5m00s old at the beginning",
        "  took 10m12s until it answered",
        "  NOT VERIFIED PostgreSQL at 10.0.0.5:5432: no route to host",
    ]


def test_services_say_what_runs_also_when_one_went_back(reports: Any, recap: Any) -> None:
    service = {"image": "registry/team/api:1", "ready": 2, "replicas": 2, "url": "http://api:80", "canary": None}
    services = {
        "api": {**service, "rolled_back": True},
        "web": {**service, "rolled_back": False, "canary": {"image": "registry/web:2", "share": 33.3}},
        "new": {**service, "image": None, "rolled_back": False},
    }
    made = reports.site_report(
        {**result([item("api", status="failed", error="why")]), "outputs": {"services": services}, "rolled_back": True},
        run="r",
        host="aws-dev",
        state="present",
        check=False,
        subject="application",
    )
    assert (made["mode"], made["details"]) == ("application", {"rolled_back": True})
    assert recap(made).splitlines()[-2:] == [
        "  service  api  api:1  2/2 ready  ROLLED BACK  http://api:80",
        "  service  web  api:1  2/2 ready  registry/web:2 for 33.3 %  http://api:80",
    ]
