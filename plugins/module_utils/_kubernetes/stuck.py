# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a workload does not become ready, in the API's own words: its pods, their containers and logs, its events."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from .._engine.errors import CloudError
from .client import Client
from .health import condition, told
from .objects import Body, ref_of
from .order import group_kind

_WORKLOADS = frozenset({"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch"})
_LOG_LINES = 5
_MOST = 3  # different reasons told


def explain(client: Client, body: Body, mask: Callable[[str], str] = str) -> str:
    """What keeps it, as one text; empty when nothing can be told. Never raises: it only adds to a message.

    mask: takes the values out that must not be shown. Environment variables are never read.
    """
    name = group_kind(body["apiVersion"], body["kind"])
    if name != "Pod" and name not in _WORKLOADS and name != "PersistentVolumeClaim":
        return ""
    try:
        if name == "PersistentVolumeClaim":
            return mask(_last_warning(client, body))
        pods = [body] if name == "Pod" else _pods(client, body)
        reasons = dict.fromkeys(filter(None, (pod_reason(client, pod) for pod in pods if not _fine(pod))))
        if not reasons and (not pods or condition(body, "ReplicaFailure").get("status") == "True"):
            reasons = dict.fromkeys(filter(None, _refusals(client, body)))
        return mask("; ".join(list(reasons)[:_MOST]))
    except CloudError as error:
        return f"(why could not be read: {error.message})"


def pod_reason(client: Client, pod: Body) -> str:
    """Why one pod is not ready."""
    scheduled = condition(pod, "PodScheduled")
    name = pod["metadata"]["name"]
    if scheduled.get("status") == "False":
        return f"pod {name}: {told(scheduled)}"
    status = pod.get("status") or {}
    for kind, states in (("init container", "initContainerStatuses"), ("container", "containerStatuses")):
        for state in status.get(states) or []:
            if state.get("ready") and kind == "container":
                continue
            reason = _container(client, pod, state)
            if reason:
                return f"pod {name}, {kind} {state['name']}: {reason}"
    if status.get("phase") == "Running":
        warning = _last_warning(client, pod)
        return f"pod {name} is running, but not ready" + (f": {warning}" if warning else "")
    return f"pod {name}: {told(status)}" if told(status) else ""


def _container(client: Client, pod: Body, state: Mapping[str, Any]) -> str:
    waiting = (state.get("state") or {}).get("waiting") or {}
    ended = (state.get("state") or {}).get("terminated") or {}
    last = (state.get("lastState") or {}).get("terminated") or {}
    if waiting.get("reason") == "CrashLoopBackOff" or (ended and ended.get("exitCode")):
        died = ended or last
        why = died.get("reason", "")
        words = "CrashLoopBackOff: it ended" if waiting else "it ended"
        words += f" with exit code {died.get('exitCode', '?')}"
        words += f" ({why})" if why and why != "Error" else ""
        lines = died.get("message") or _log(client, pod, state["name"], previous=not ended)
        return f"{words}; it wrote last: {lines}" if lines else words
    if waiting and waiting.get("reason") not in ("PodInitializing", "ContainerCreating"):
        return told(waiting)
    return ""


def _log(client: Client, pod: Body, container: str, *, previous: bool) -> str:
    meta = pod["metadata"]
    try:
        text = client.logs(meta["namespace"], meta["name"], container=container, tail=_LOG_LINES, previous=previous)
    except CloudError:
        return ""
    lines = [line.strip()[:300] for line in text.splitlines() if line.strip()]
    return " | ".join(line for line, _count in itertools.groupby(lines))  # some say the same at every start


def _fine(pod: Body) -> bool:
    done = (pod.get("status") or {}).get("phase") == "Succeeded"
    return done or condition(pod, "Ready").get("status") == "True" or "deletionTimestamp" in pod["metadata"]


def _pods(client: Client, body: Body) -> list[Body]:
    """Of the workload as it is now: pods of earlier revisions are told only where there are no others."""
    selector = (body.get("spec") or {}).get("selector") or {}
    found = client.list("v1", "Pod", body["metadata"]["namespace"], label_selector=selector_text(selector))
    found.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)
    newest = _revision(found[0]) if found else None
    if newest and any(not _fine(pod) for pod in found if _revision(pod) == newest):
        return [pod for pod in found if _revision(pod) == newest]
    return found


def _revision(pod: Body) -> str:
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash") or "")


def selector_text(selector: Mapping[str, Any]) -> str:
    """A LabelSelector as a query has it."""
    parts = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or []:
        values = ",".join(each.get("values") or [])
        parts.append(
            {
                "In": f"{each['key']} in ({values})",
                "NotIn": f"{each['key']} notin ({values})",
                "Exists": each["key"],
                "DoesNotExist": f"!{each['key']}",
            }[each["operator"]]
        )
    return ",".join(parts)


def _refusals(client: Client, body: Body) -> list[str]:
    """Why there is no pod: a quota, an admission, a missing ServiceAccount."""
    refused = condition(body, "ReplicaFailure")
    if refused.get("status") == "True":
        return [told(refused)]
    return [_last_warning(client, body)]


def _last_warning(client: Client, body: Body) -> str:
    """The message of the newest warning about an object."""
    ref = ref_of(body)
    field = f"involvedObject.kind={ref.kind},involvedObject.name={ref.name}"
    events = client.list("v1", "Event", ref.namespace, field_selector=field)
    uid = body["metadata"].get("uid")
    mine = [each for each in events if each.get("type") == "Warning" and _about(each, uid)]
    mine.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    return told(mine[-1]) if mine else ""


def _about(event: Mapping[str, Any], uid: str | None) -> bool:
    return (event.get("involvedObject") or {}).get("uid") in (uid, None, "")
