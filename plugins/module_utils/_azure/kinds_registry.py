# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of Microsoft.ContainerRegistry. Writes of a registry are answered when they are done (recorded traffic)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from .._engine.errors import CloudError, NotFound
from .._engine.fields import IMMUTABLE, Field, Fields, Mode
from .._engine.plan import Plan
from .._engine.resource import DONE, NotYetKnown, Observed, Operation, Resource
from .arm import ArmResource, at
from .fields import TRACKED, ArmFields, canonical, dropped
from .registry_data import RegistryData
from .session import Session


class ContainerRegistry(ArmResource):
    """A registry. outputs: login_server.

    forced: the repositories that may be deleted with the images they hold. A customer key is a decision for good: it
    can be given at creation only and not be taken away (Azure Container Registry, "Customer-managed keys").
    """

    kind = "azure.registry.registry"
    type = "Microsoft.ContainerRegistry/registries"
    patches = True
    replaceable = False
    fields = ArmFields(
        {
            **TRACKED,
            "zones": IMMUTABLE,
            "identity.type": Field(equal=dropped("None")),
            "properties.encryption.status": Field(Mode.IMMUTABLE, normalise=canonical),
            "properties.zoneRedundancy": Field(Mode.IMMUTABLE, normalise=canonical),
            "properties.networkRuleSet.ipRules": Field(key="value"),
        }
    )
    exposes = {"login_server": "properties.loginServer"}

    def __init__(self, *args: Any, forced: Collection[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.forced = frozenset(forced)
        self._data: RegistryData | None = None

    def check_update(self, observed: Observed, change: Plan) -> str:
        have, want = str(at(observed.raw, "sku.name")), str(at(self.desired(), "sku.name"))
        if canonical(have) != "premium" or canonical(want) == "premium":
            return ""
        path, kind = f"{self.path}/replications", f"{self.type}/replications"
        found = self.session.patient(lambda: self.client.pages(path, kind))
        # The registry's own region is listed among its replications.
        place = canonical(self.session.site.region)
        copies = sorted(str(item["name"]) for item in found if canonical(item.get("location", "")) != place)
        if not copies:
            return ""
        return f"a registry with replications ({', '.join(copies)}) has to stay Premium. Delete them first."

    def check_delete(self, observed: Observed) -> str:
        try:
            held = [name for name in self.repositories() if name not in self.forced]
            held = [name for name in held if self.images(name)]
        except (CloudError, NotYetKnown) as error:
            reason = error.message if isinstance(error, CloudError) else "it shows no login server."
            return (
                f"it cannot be told whether the registry is empty: {reason} "
                "The credentials need the right to read its repositories (AcrPull and Reader, or Contributor)."
            )
        if not held:
            return ""
        return (
            f"the registry holds images: {', '.join(held)}. Delete them, or name the repositories with force: true to "
            "delete them with all that they hold."
        )

    # -- what lies in it -------------------------------------------------------------------------------------------

    def repositories(self) -> list[str]:
        """The repositories that there are; asked once per run."""
        return self.session.once(f"repositories of {self.path}", lambda: self.session.patient(self._reader().names))

    def images(self, repository: str) -> int:
        """How many images a repository holds."""
        return self.session.patient(lambda: self._reader().manifests(repository))

    def remove(self, repository: str) -> None:
        """Delete a repository with all its images."""
        try:
            self._reader().delete(repository)
        except NotFound:
            return
        finally:
            self.session.drop(f"repositories of {self.path}")

    def _reader(self) -> RegistryData:
        if self._data is None:
            self._data = RegistryData(self.client, str(self.known("login_server")))
        return self._data


class Repository(Resource):
    """A repository that shall not be there. Repositories come into being with the first image that is pushed and cannot
    be made without one, so that those that shall be there are no objects of ours."""

    kind = "azure.registry.repository"
    fields = Fields({"name": IMMUTABLE})
    inside = True
    replaceable = False

    def __init__(self, registry: ContainerRegistry, name: str, *, force: bool) -> None:
        super().__init__(f"{registry.name}/{name}", [registry], present=False)
        self.registry = registry
        self.repository = name
        self.force = force
        self.goes_with = registry

    def predicted(self) -> dict[str, Any]:
        return {"id": f"{self.registry.path}/repositories/{self.repository}"}

    def desired(self) -> dict[str, Any]:
        return {"name": self.repository}

    def read(self) -> Observed | None:
        if not self.registry.outputs or self.repository not in self.registry.repositories():
            return None
        return Observed({"name": self.repository}, self.predicted())

    def check_delete(self, observed: Observed) -> str:
        if self.force or not self.registry.images(self.repository):
            return ""
        return "the repository holds images. Delete them, or set force: true to delete it with all that it holds."

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotImplementedError  # never wanted

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise NotImplementedError  # never wanted

    def delete(self, observed: Observed) -> Operation:
        self.registry.remove(self.repository)
        return DONE

    def forget(self) -> None:
        self.registry.session.drop(f"repositories of {self.registry.path}")


def taken(session: Session, registries: Iterable[ContainerRegistry]) -> list[str]:
    """Registries that would be made under a name that somebody else has."""
    problems = []
    path = f"{session.subscription}/providers/Microsoft.ContainerRegistry/checkNameAvailability"
    for registry in registries:
        body = {"name": registry.name, "type": registry.type}
        send = partial(session.client.send, "POST", path, ContainerRegistry.type, body)
        answer = session.once(f"{path}/{registry.name}", partial(session.patient, send)).body
        if answer and answer.get("nameAvailable") is False:
            problems.append(
                f"{registry.kind} {registry.name}: the name cannot be used ({answer.get('message')}) Registries share "
                "one name space with the whole world: choose another platform or site name."
            )
    return problems
