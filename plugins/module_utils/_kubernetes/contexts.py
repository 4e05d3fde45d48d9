# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A context of a kubeconfig as the engine sees it: made, repaired and taken away like any other object."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from .._engine.access import Access, Endpoint
from .._engine.errors import NotFound
from .._engine.fields import MUTABLE, Field, Fields
from .._engine.plan import Plan, Unknown
from .._engine.resource import DONE, Observed, Operation, Resource
from .._engine.tags import Owner
from .kubeconfig import Kubeconfig, mark_of
from .kubeconfig_file import KubeconfigFile

_WHOLE = Field(equal=lambda want, have: want == have)
# What would be used instead of what is written.
_OTHER_TRUST = ("certificate-authority", "insecure-skip-tls-verify")
_OTHER_WAYS = (
    *("token", "tokenFile", "username", "password", "auth-provider"),
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data"),
)


class Context(Resource):
    """The context, and the cluster and user of the same name that it refers to. Each says whose it is.

    tolerant: a cluster that does not exist yet is no error (for plans). current: also what kubectl uses by default.
    """

    kind: ClassVar[str] = "kubernetes.kubeconfig_context"
    fields: ClassVar[Fields] = Fields(
        {
            "context": _WHOLE,
            "server": MUTABLE,
            "certificate_authority": MUTABLE,
            "exec": _WHOLE,
            "overridden_by": MUTABLE,
            "current": MUTABLE,
        }
    )

    def __init__(
        self,
        name: str,
        file: KubeconfigFile,
        owner: Owner,
        access: Access,
        *,
        current: bool = False,
        tolerant: bool = False,
        present: bool = True,
    ) -> None:
        super().__init__(name, present=present)
        self.file, self.owner, self.access = file, owner, access
        self.current, self.tolerant = current, tolerant
        self._endpoint: Endpoint | None = None
        self._plugin: dict[str, Any] = {}

    @property
    def server(self) -> str | None:
        """Where the cluster is, as far as it was asked."""
        return self._endpoint.server if self._endpoint else None

    def desired(self) -> dict[str, Any]:
        try:
            endpoint, plugin = self._ask()
        except NotFound as error:
            if not self.tolerant:
                error.message = f"there is no cluster to reach: {error.message}"
                error.hint = error.hint or "Make it first, or name another one in cluster_name."
                raise
            where = f"cluster of {self.owner.site}"
            unknown = {name: Unknown(f"{where}.{name}") for name in ("server", "certificate_authority", "exec")}
            return {"context": {"cluster": self.name, "user": self.name}, **unknown, "current": self.current or None}
        return {
            "context": {"cluster": self.name, "user": self.name},
            "server": endpoint.server,
            "certificate_authority": _fingerprint(endpoint.ca),
            "exec": plugin,
            "overridden_by": [],
            "current": self.current or None,
        }

    def _foreigners(self, config: Kubeconfig, section: str, mark: Mapping[str, str]) -> bool:
        """Whether an item must stay for others: it is not ours, or somebody's own context refers to it."""
        return not self.owner.owns(mark) or any(name != self.name for name in config.users_of(section, self.name))

    def _ask(self) -> tuple[Endpoint, dict[str, Any]]:
        if self._endpoint is None:
            endpoint = self.access.endpoint()
            self._plugin = self.access.exec_plugin()
            self._endpoint = endpoint
        return self._endpoint, self._plugin

    def read(self) -> Observed | None:
        config = self.file.read()
        found = {section: config.get(section, self.name) for section in ("contexts", "clusters", "users")}
        # One that shall go is the context itself, and what nobody else refers to.
        there = [
            body
            for section, body in found.items()
            if body is not None
            and (self.present or section == "contexts" or not self._foreigners(config, section, mark_of(body)))
        ]
        if not there:
            return None
        marks = [mark_of(body) for body in there]
        foreign = next((mark for mark in marks if not self.owner.owns(mark)), None)
        context, cluster, user = (found[name] or {} for name in ("contexts", "clusters", "users"))
        plugin = user.get("exec") or {}
        values: dict[str, Any] = {
            "context": {name: context[name] for name in ("cluster", "user") if name in context},
            "server": cluster.get("server"),
            "certificate_authority": _observed_authority(cluster),
            # Another one's may hold a secret in its environment.
            "exec": plugin if foreign is None else {"command": plugin.get("command")},
            "overridden_by": [
                *(each for each in _OTHER_TRUST if each in cluster),
                *(i for i in _OTHER_WAYS if i in user),
            ],
            "current": config.current == self.name,
        }
        return Observed(values, {"id": f"{self.file.shown}#{self.name}"}, tags=marks[0] if foreign is None else foreign)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.file.edit(self._put)
        return DONE

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.file.edit(self._put)
        return DONE

    def delete(self, observed: Observed) -> Operation:
        self.file.edit(self._take_away)
        return DONE

    def _put(self, config: Kubeconfig) -> None:
        endpoint, plugin = self._ask()
        authority = base64.b64encode(endpoint.ca.encode()).decode() if endpoint.ca else None
        mark = self.owner.tags()
        reached = {"server": endpoint.server, "certificate-authority-data": authority}
        config.put("clusters", self.name, {**reached, **dict.fromkeys(_OTHER_TRUST)}, mark)
        config.put("users", self.name, {"exec": plugin, **dict.fromkeys(_OTHER_WAYS)}, mark)
        config.put("contexts", self.name, {"cluster": self.name, "user": self.name}, mark)
        if self.current:
            config.make_current(self.name)

    def _take_away(self, config: Kubeconfig) -> None:
        for section in ("clusters", "users"):
            if not self._foreigners(config, section, mark_of(config.get(section, self.name))):
                config.remove(section, self.name)
        config.remove("contexts", self.name)
        if config.current == self.name:
            config.make_current("")


def _observed_authority(cluster: dict[str, Any]) -> str:
    try:
        return _fingerprint(base64.b64decode(str(cluster.get("certificate-authority-data") or ""), validate=True))
    except ValueError:
        return "unreadable"


def _fingerprint(pem: str | bytes) -> str:
    """Short, for people to compare; empty for a public CA."""
    given = pem.encode() if isinstance(pem, str) else pem
    return f"sha256:{hashlib.sha256(given).hexdigest()[:32]}" if given else ""
