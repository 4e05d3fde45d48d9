# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of objects in one cluster: applied in order, waited for, pruned, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._engine.clock import Clock
from .._engine.report import Report
from .._engine.settings import Notify, Settings
from .client import Client


@dataclass(frozen=True)
class WaitCondition:
    """What makes objects of a kind ready that Kubernetes itself knows nothing of: the condition `type` is `status`."""

    kind: str
    type: str
    status: str = "True"


@dataclass(frozen=True)
class SetOptions:
    """How a set is treated. name: of the set, unique in the cluster; a legal name of an object, at most 50 characters.

    namespace: for objects that live in one and name none. prune: remove what this set applied before and does not
    hold any more. wait: until every object is ready (False: applied is enough; removal is always waited for).
    force_conflicts: take fields over that other field managers hold.
    """

    name: str
    namespace: str = "default"
    prune: bool = True
    wait: bool = True
    force_conflicts: bool = False
    wait_conditions: tuple[WaitCondition, ...] = ()


def converge_set(
    client: Client,
    settings: Settings,
    objects: Sequence[Mapping[str, Any]],
    options: SetOptions,
    *,
    clock: Clock | None = None,
    notify: Notify | None = None,
) -> Report:
    """Bring a set of objects to what the manifests say, or (settings.state: absent) remove all that carries its label.

    objects: manifests as plain data; they are not changed. settings: `owner`, `check`, `adopt`, `allow_replace`,
    `wait_timeout` (per object) and the rest as everywhere; with allow_replace only kinds that hold no data are made
    again. Report: one entry per object (kind "kubernetes.apps/v1.Deployment", name "namespace/name", id: its UID), in
    order of their making, and the set's own record. A failed entry's error quotes why the object did not become ready.

    Raises SpecError with everything that speaks against the set before anything is touched, and CloudError where
    reading fails. Safe to be killed at any moment and run again.
    """
    raise NotImplementedError
