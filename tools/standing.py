"""What stands where after a rollout, and what to look at next: `python tools/standing.py <report directory>`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(directory: Path) -> int:
    """Print the sites of the reports in a directory. Returns the exit status: 1 when there is none."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.json"))]
    sites = [report for report in reports if report.get("mode") == "apply"]
    if not sites:
        print(f"No site has reported to {directory}.", file=sys.stderr)
        return 1
    print("\nWhat stands where")
    for report in sites:
        services = [each for each in reports if _is_about(each, report["site"]["name"], "application")]
        for line in [*describe(report), *(line for each in services for line in describe_services(each))]:
            print(f"  {line}")
    here = Path.cwd()
    shown = directory.relative_to(here) if directory.is_relative_to(here) else directory
    print("\nWhat to look at next")
    logs = os.environ.get("SANDBOX_DIR", ".sandbox")
    hints = (
        (f"{shown}/timeline.html", "what took how long, site by site, with the critical path"),
        (f"{shown}/<site>.json", "every object, every change, ids and addresses"),
        ("make rollout", "again: nothing changes"),
        ("make verify", "asks every cluster and application again: verify.json, and verify.xml for JUnit"),
        ("make load", "a bounded load on the applications, with percentiles"),
        ("make kubeconfig", f"kubectl --kubeconfig {logs}/kubeconfig get pods -A"),
        ("make plan", "what a change in inventories/sandbox/group_vars would do"),
        ("make sandbox-status", f"where the emulated clouds listen; their logs are in {logs}"),
        ("make destroy", "removes the three sites, and shows that nothing is left"),
    )
    width = max(len(what) for what, _why in hints)
    for what, why in hints:
        print(f"  {what:<{width}}  {why}")
    return 0


def _is_about(report: dict[str, Any], site: str, subject: str) -> bool:
    return report.get("subject") == subject and (report.get("site") or {}).get("name") == site


def describe_services(report: dict[str, Any]) -> list[str]:
    """The services of one site, a line each."""
    found = (report.get("outputs") or {}).get("services") or {}
    return [
        f"{'':<12} service {name} {item['image'].rpartition(':')[2]}, {item['ready']} of {item['replicas']} ready"
        + (", rolled back: see the report" if item.get("rolled_back") else "")
        for name, item in sorted(found.items())
    ]


def describe(report: dict[str, Any]) -> list[str]:
    """One site in a few lines."""
    site, outputs = report["site"], report.get("outputs") or {}
    objects = [item for item in report["resources"] if item["status"] == "ok" and item["action"] != "delete"]
    place = " ".join(str(site[key]) for key in ("cloud", "region") if site.get(key))
    failed = ", the last run failed: see the report" if report["failed"] else ""
    lines = [f"{site['name']:<12} {place:<24} {len(objects)} objects{failed}"]
    cluster = outputs.get("cluster") or {}
    if cluster.get("endpoint"):
        name = cluster.get("name", "")
        lines.append(f"{'':<12} cluster {name} {cluster.get('version', '')}".rstrip() + f", API {cluster['endpoint']}")
    for capability, members in (("database", "servers"), ("cache", "instances")):
        for name, store in ((outputs.get(capability) or {}).get(members) or {}).items():
            what = " ".join([name, *(str(store[key]) for key in ("engine", "version") if store.get(key))])
            lines.append(f"{'':<12} {capability} {what}, {store.get('host')}:{store.get('port')}")
    if (outputs.get("registry") or {}).get("url"):
        lines.append(f"{'':<12} registry {outputs['registry']['url']}")
    secrets = sorted((outputs.get("secret_store") or {}).get("secrets") or {})
    if secrets:
        lines.append(f"{'':<12} secrets {', '.join(secrets)}")
    buckets = (outputs.get("object_store") or {}).get("buckets") or {}
    names = sorted(buckets) if isinstance(buckets, dict) else sorted(bucket["name"] for bucket in buckets)
    if names:
        lines.append(f"{'':<12} buckets {', '.join(names)}")
    return lines


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
