# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds an API server serves: everything in two calls (aggregated discovery, Kubernetes 1.27 and later).

The official client's own discoverers ask once per API group and keep what they learn in a file of a guessable name in
the machine's temporary directory; this one keeps it in memory.
"""

from __future__ import annotations

import difflib
import json
import threading
from collections.abc import Callable
from typing import Any

from .._engine.errors import Unsupported
from .errors import UnknownKind

_SHAPES = ",".join(f"application/json;g=apidiscovery.k8s.io;v={v};as=APIGroupDiscoveryList" for v in ("v2", "v2beta1"))


class Discovery:
    """What the dynamic client asks for kinds. Thread-safe; `ask(path, headers)` gives a response."""

    def __init__(self, client: Any, ask: Callable[[str, dict[str, str]], bytes]) -> None:
        self._client = client
        self._ask = ask
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], Any] | None = None
        self._asked = 0  # how often

    def get(self, *, api_version: str, kind: str) -> Any:
        """The kind (a `kubernetes.dynamic` Resource). One that is not known is asked for again, once. UnknownKind."""
        known, asked = self._known()
        found = known.get((api_version, kind))
        if found is None:
            known, _asked = self._known(after=asked)
            found = known.get((api_version, kind))
        if found is None:
            raise UnknownKind(_unknown(api_version, kind, list(known)), code="UnknownKind")
        return found

    def find(self, api_version: str, kind: str) -> Any | None:
        """The same from what is known already; None instead of asking again."""
        return self._known()[0].get((api_version, kind))

    def all(self) -> list[Any]:
        """Every kind in every version it is served in."""
        return list(self._known()[0].values())

    def forget(self) -> None:
        """Ask anew the next time (a CustomResourceDefinition was made or removed)."""
        with self._lock:
            self._kinds = None

    def _known(self, after: int | None = None) -> tuple[dict[tuple[str, str], Any], int]:
        """after: what was known then does not suffice; somebody else may have asked since."""
        with self._lock:
            if self._kinds is None or self._asked == after:
                core = self._listed("/api", "")
                self._kinds = core | self._listed("/apis", None)
                self._asked += 1
            return self._kinds, self._asked

    def _listed(self, path: str, group: str | None) -> dict[tuple[str, str], Any]:
        from kubernetes.dynamic.resource import Resource

        answer = json.loads(self._ask(path, {"Accept": _SHAPES}))
        if answer.get("kind") != "APIGroupDiscoveryList":
            raise Unsupported(
                "the API server does not tell all its kinds at once (aggregated discovery).",
                hint="Kubernetes 1.27 or later is needed.",
            )
        found = {}
        for item in answer.get("items") or []:
            name = item.get("metadata", {}).get("name", "") if group is None else group
            for position, version in enumerate(item.get("versions") or []):
                for each in version.get("resources") or []:
                    kind = (each.get("responseKind") or {}).get("kind")
                    if not kind:
                        continue  # an aggregated API that does not answer at present
                    resource = Resource(
                        prefix="apis" if name else "api",
                        group=name,
                        api_version=version["version"],
                        kind=kind,
                        namespaced=each.get("scope") == "Namespaced",
                        verbs=each.get("verbs") or [],
                        name=each["resource"],
                        preferred=position == 0,
                        client=self._client,
                        singularName=each.get("singularResource"),
                        shortNames=each.get("shortNames"),
                        categories=each.get("categories"),
                    )
                    found[resource.group_version, kind] = resource
        return found


def _unknown(api_version: str, kind: str, known: list[tuple[str, str]]) -> str:
    """What there is instead: the same kind in other versions, or kinds with nearly that name."""
    text = f"the cluster serves no kind {kind!r} in {api_version!r}."
    elsewhere = sorted(version for version, name in known if name == kind)
    if elsewhere:
        return f"{text} It serves {kind} in {' and '.join(elsewhere)}."
    names = {name.lower(): name for _version, name in known}
    near = [names[each] for each in difflib.get_close_matches(kind.lower(), list(names), n=3, cutoff=0.75)]
    told = [f"{name} ({version})" for name in near for version, each in known if each == name]
    return f"{text} Nearest: {', '.join(told)}." if told else f"{text} Is its CustomResourceDefinition installed?"
