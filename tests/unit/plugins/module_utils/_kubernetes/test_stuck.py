"""Why pods are not ready, from what they say themselves; with few questions, and none that raises."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import AuthError
from module_utils._kubernetes.stuck import explain, pod_reason


class Client:
    """Knows logs and events by the way they are asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def logs(self, namespace: str, pod: str, **how: Any) -> str:
        self.asked.append(how)
        return "starting\n\n  no such host: db  \n"

    def list(self, version: str, kind: str, *place: Any, **how: Any) -> list[dict[str, Any]]:
        raise AuthError("pods is forbidden")


def _pod(**status: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ml"}, "status": status}


def _state(name: str, **state: Any) -> dict[str, Any]:
    last = state.pop("last", None)
    return {"name": name, "state": state, "lastState": {"terminated": last} if last else {}}


_BACK_OFF = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
_UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (_pod(phase="Pending", conditions=[_UNSCHEDULABLE]), "pod p: Unschedulable: 0/3 nodes"),
        (
            _pod(initContainerStatuses=[_state("wait", waiting={"reason": "ErrImagePull", "message": "no x:1"})]),
            "pod p, init container wait: ErrImagePull: no x:1",
        ),
        (
            _pod(containerStatuses=[_state("main", waiting=_BACK_OFF, last={"exitCode": 1, "reason": "Error"})]),
            "pod p, container main: CrashLoopBackOff: it ended with exit code 1; "
            "it wrote last: starting | no such host: db",
        ),
        (
            _pod(
                containerStatuses=[
                    _state("main", waiting=_BACK_OFF, last={"exitCode": 137, "reason": "OOMKilled", "message": "full"})
                ]
            ),
            "pod p, container main: CrashLoopBackOff: it ended with exit code 137 (OOMKilled); it wrote last: full",
        ),
        (
            _pod(containerStatuses=[_state("main", waiting={"reason": "CreateContainerConfigError", "message": "s"})]),
            "pod p, container main: CreateContainerConfigError: s",
        ),
        (_pod(containerStatuses=[_state("main", waiting={"reason": "ContainerCreating"})]), ""),
        (_pod(phase="Failed", reason="Evicted", message="The node was low on memory"), "pod p: Evicted: The node was"),
    ],
)
def test_reasons_of_pods(pod: dict[str, Any], reason: str) -> None:
    """In the words of the API."""
    found = pod_reason(Client(), pod)  # type: ignore[arg-type]
    assert found.startswith(reason) if reason else found == ""


def test_logs_are_those_of_the_container_that_died() -> None:
    """Before its restart, unless it has not been restarted yet."""
    client = Client()
    for state in (_state("a", waiting=_BACK_OFF, last={"exitCode": 1}), _state("a", terminated={"exitCode": 1})):
        pod_reason(client, _pod(containerStatuses=[state]))  # type: ignore[arg-type]
    assert [how["previous"] for how in client.asked] == [True, False]


def test_a_question_that_is_refused_is_told_and_hides_nothing_else() -> None:
    """It only adds to a message. Kinds that nothing can be told of are not asked about."""
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": "ml"}, "spec": {}}
    assert explain(Client(), workload) == "(why could not be read: pods is forbidden)"  # type: ignore[arg-type]
    assert explain(Client(), {**workload, "kind": "Anything"}) == ""  # type: ignore[arg-type]
